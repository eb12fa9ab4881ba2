//! Sightings in, who is who out
