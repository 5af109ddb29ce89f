//! The form of the OAuth2 token endpoint.

use axum::body::Body;
use axum::extract::{FromRequest, Request};

use crate::error::{Error, Result};
use crate::schemas::login::TokenForm;
use crate::validation::{ValidForm, read_body};

/// The form of the grant that `grant_type` names; a login when it is left out, as FastAPI's clients do.
///
/// # Errors
/// 415 with another media type, 400 as RFC 6749 has it for an unknown grant or a malformed refresh, 422 with every
/// problem of a login, as FastAPI has it.
pub struct ValidTokenForm(pub TokenForm);

impl<S: Send + Sync> FromRequest<S> for ValidTokenForm {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let form = read_body(Request::from_parts(parts.clone(), body)).await?;
        let field = |name: &str| form_urlencoded::parse(&form).find(|(key, _)| key == name).map(|(_, value)| value);
        let request = Request::from_parts(parts, Body::from(form.clone()));
        match field("grant_type").as_deref() {
            None if field("username").is_none() && field("refresh_token").is_some() => Err(Error::InvalidTokenRequest),
            None | Some("" | "password") => {
                let ValidForm(login) = ValidForm::from_request(request, state).await?;
                Ok(Self(TokenForm::Login(login)))
            }
            Some("refresh_token") => match ValidForm::from_request(request, state).await {
                Ok(ValidForm(refresh)) => Ok(Self(TokenForm::Refresh(refresh))),
                Err(Error::Invalid(_)) => Err(Error::InvalidTokenRequest),
                Err(error) => Err(error),
            },
            Some(_) => Err(Error::UnsupportedGrantType),
        }
    }
}
