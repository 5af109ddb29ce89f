//! The types of requests and responses, with their rules.

pub mod amount;
pub mod api_key;
pub mod audit_event;
pub mod authorization_server;
pub mod external;
pub mod fastapi_dashboard;
pub mod item;
pub mod login;
pub mod message;
pub mod notification;
pub mod page;
pub mod password;
pub mod patch;
pub mod realtime;
pub mod recovery;
pub mod scope;
pub mod session;
pub mod text;
pub mod ticket;
pub mod time;
pub mod user;
pub mod versioned;
