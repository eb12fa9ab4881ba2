//! HTTP server: REST, WebSocket, the embedded dashboard
