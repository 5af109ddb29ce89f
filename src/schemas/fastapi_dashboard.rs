//! What the dashboard of the FastAPI full-stack template sends, beside what every client sends.

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::password::NewPassword;
use super::text::{Email, LINE};
use super::user::UserRegister;
use crate::validation::schema::{documented, documented_parameters};

/// A user for a front end's tests.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = Self::example())]
pub struct PrivateUserCreate {
    /// To log in with; unique whatever its case.
    pub email: Email,
    /// To log in with.
    pub password: NewPassword,
    /// The person's name.
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: String,
}

impl PrivateUserCreate {
    fn example() -> serde_json::Value {
        serde_json::json!({
            "email": "ann@example.com", "password": "correct horse battery", "full_name": "Ann Example"
        })
    }
}

impl From<PrivateUserCreate> for UserRegister {
    fn from(PrivateUserCreate { email, password, full_name }: PrivateUserCreate) -> Self {
        Self { email, password, full_name: Some(full_name), username: None, age: None, address: None }
    }
}

/// Where to send a test email.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct TestEmail {
    /// The address.
    pub email_to: Email,
}

documented!(PrivateUserCreate);
documented_parameters!(Query: TestEmail);
