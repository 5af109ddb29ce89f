//! Notifications: requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::text::{Email, LINES};
use crate::validation::schema::documented;

/// A notification to be sent by mail.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "email": "ann@example.com", "message": "The kettle is on." }))]
pub struct NotificationCreate {
    /// The recipient: the caller's own address; any address for superusers.
    pub email: Email,
    /// The message in plain text, one or more lines.
    #[validate(length(min = 1, max = 2000), regex(path = *LINES))]
    pub message: String,
}

documented!(NotificationCreate);
