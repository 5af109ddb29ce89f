//! Sends mails over SMTP or, without a server, writes them as `.eml` files, which any mail program opens. Only jobs
//! send mails, so that no request waits for a slow server.

mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use uuid::Uuid;

pub use template::Template;
use template::Templates;

use crate::core::config::MailSettings;
use crate::core::telemetry::traces::TRACE;

/// The folder of the files.
const OUTBOX: &str = "data/outbox";

/// Reply codes of a server that closes the connection (RFC 5321) or refuses the login (RFC 4954). The mail itself may
/// be valid.
const SERVER_UNAVAILABLE: [u16; 5] = [421, 530, 534, 535, 538];

/// Every mail has a connection of its own. lettre's pool would reuse a connection on which a mail timed out, in the
/// middle of its SMTP dialogue.
type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// A mail to send.
#[derive(Debug)]
pub struct Mail<'a> {
    /// Becomes the `Message-ID`, so that a mail that is sent twice can be recognised.
    pub id: Uuid,
    /// The recipient's address.
    pub to: &'a str,
    /// The text.
    pub template: Template,
    /// The values in the text.
    pub values: minijinja::Value,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct MailError {
    text: String,
    /// Whether it can be sent later.
    pub kind: MailErrorKind,
}

/// Whether a mail that was not sent can be sent later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailErrorKind {
    /// It cannot: the mail is invalid, or the server refuses it permanently.
    Refused,
    /// It may be: the server refuses it for now.
    Failed,
    /// It can: the server cannot be reached, does not respond, or accepts no mails at all.
    ServerUnavailable,
}

impl MailError {
    fn refused(error: impl std::error::Error) -> Self {
        Self { text: error.to_string(), kind: MailErrorKind::Refused }
    }
}

impl From<lettre::transport::smtp::Error> for MailError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        let kind = match error.status() {
            Some(code) if SERVER_UNAVAILABLE.contains(&code.into()) => MailErrorKind::ServerUnavailable,
            _ if error.is_permanent() => MailErrorKind::Refused,
            Some(_) => MailErrorKind::Failed,
            None if error.is_client() => MailErrorKind::Failed,
            None => MailErrorKind::ServerUnavailable,
        };
        Self { text: error.to_string(), kind }
    }
}

/// Sends mails. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    transport: Transport,
    from: Mailbox,
    frontend_url: String,
    templates: Templates,
    timeout: Duration,
}

enum Transport {
    Smtp(Smtp),
    Folder(PathBuf),
}

impl Mailer {
    /// Creates the mailer from the `mail` settings. Does not connect.
    ///
    /// # Errors
    /// When the sender or the server's address is invalid. The message names the setting.
    pub fn new(settings: &MailSettings) -> Result<Self, String> {
        let transport = match &settings.smtp_url {
            None => Transport::Folder(OUTBOX.into()),
            Some(url) => {
                // The error may quote the password.
                let invalid = |_| "mail.smtp_url: not the address of an SMTP server".to_owned();
                Transport::Smtp(Smtp::from_url(url.expose_secret()).map_err(invalid)?.build())
            }
        };
        Self::through(settings, transport)
    }

    /// Creates a mailer that writes files into a folder, whatever the settings say.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn into_folder(settings: &MailSettings, folder: PathBuf) -> Result<Self, String> {
        Self::through(settings, Transport::Folder(folder))
    }

    fn through(settings: &MailSettings, transport: Transport) -> Result<Self, String> {
        let from = settings.from.parse().map_err(|error| format!("mail.from: {error}"))?;
        let templates = Templates::new().map_err(|error| format!("a mail's template: {error:#}"))?;
        let (frontend_url, timeout) = (settings.frontend_url.clone(), Duration::from_secs(settings.timeout_seconds));
        Ok(Self(Arc::new(Inner { transport, from, frontend_url, templates, timeout })))
    }

    /// A link to a page of the frontend that takes a token. It is built from the settings alone, so that no request can
    /// put a host into a mail.
    #[must_use]
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}?token={token}", self.0.frontend_url.trim_end_matches('/'))
    }

    /// Whether the server responds. Always true without a server.
    pub async fn is_reachable(&self) -> bool {
        match &self.0.transport {
            Transport::Smtp(smtp) => matches!(timeout(self.0.timeout, smtp.test_connection()).await, Ok(Ok(true))),
            Transport::Folder(_) => true,
        }
    }

    /// Sends the mail, or writes the file. Takes at most `mail.timeout_seconds`.
    ///
    /// # Errors
    /// When the address is invalid, and when the server refuses the mail or does not respond.
    #[tracing::instrument(target = TRACE, name = "send mail", skip_all, fields(otel.kind = "client"))] // only with observability
    pub async fn send(&self, mail: Mail<'_>) -> Result<(), MailError> {
        let (id, message) = (mail.id, self.message(&mail)?);
        match &self.0.transport {
            Transport::Smtp(smtp) => {
                let Ok(sent) = timeout(self.0.timeout, smtp.send(message)).await else {
                    let text = "the mail server does not respond in time".to_owned();
                    return Err(MailError { text, kind: MailErrorKind::ServerUnavailable });
                };
                Ok(sent.map(|_| ())?)
            }
            Transport::Folder(folder) => {
                let written = write(folder.join(format!("{id}.eml")), message.formatted()).await;
                written.map_err(|error| MailError { text: error.to_string(), kind: MailErrorKind::Failed })
            }
        }
    }

    // only with fastapi_dashboard
    /// The HTML of the mail.
    ///
    /// # Errors
    /// When a value of the template is missing.
    pub fn html(&self, mail: &Mail<'_>) -> Result<String, MailError> {
        Ok(self.render(mail)?.1)
    }

    fn render(&self, mail: &Mail<'_>) -> Result<(String, String), MailError> {
        let Inner { from, templates, .. } = &*self.0;
        let sender = from.name.as_deref().unwrap_or_else(|| from.email.domain());
        templates.render(mail.template, sender, &mail.values).map_err(MailError::refused)
    }

    fn message(&self, mail: &Mail<'_>) -> Result<Message, MailError> {
        let from = &self.0.from;
        let (text, html) = self.render(mail)?;
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, mail.to.parse().map_err(MailError::refused)?))
            .subject(mail.template.subject())
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(MailError::refused)
    }
}

async fn write(file: PathBuf, message: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    // Under its final name the file is always complete.
    let unfinished = file.with_extension("tmp");
    tokio::fs::write(&unfinished, message).await?;
    tokio::fs::rename(&unfinished, &file).await?;
    tracing::info!(file = %file.display(), "mail written");
    Ok(())
}
