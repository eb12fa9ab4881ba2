//! The public contract: every JSON body of REST and WebSocket
