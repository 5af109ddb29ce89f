//! Notifications on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::text::{Email, LINES};
use crate::validation::schema::documented;

/// What somebody is to be told by mail.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "email": "ann@example.com", "message": "The kettle is on." }))]
pub struct NotificationCreate {
    /// Whom.
    pub email: Email,
    /// What, in plain text of one or more lines.
    #[validate(length(min = 1, max = 2000), regex(path = *LINES))]
    pub message: String,
}

documented!(NotificationCreate);
