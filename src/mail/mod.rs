//! Mails: over SMTP or, where no server is set, as files `.eml` in a folder, which any mail program opens. Only jobs
//! send them: a server that is slow or gone keeps no request waiting.

mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use uuid::Uuid;

pub use template::Template;
use template::Templates;

use crate::core::config::MailSettings;

/// Where the files go.
const OUTBOX: &str = "data/outbox";
/// How long the server may take for one step.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Connections to the server that are kept for the next mails.
const CONNECTIONS: u32 = 4;

/// What a server answers who does not let us in (RFC 4954): it says nothing against the mail.
const OUR_FAULT: [u16; 4] = [530, 534, 535, 538];

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// What is to be mailed.
#[derive(Debug)]
pub struct Mail<'a> {
    /// Names the mail: sent a second time, because nobody knows whether it arrived, it has the same `Message-ID`.
    pub id: Uuid,
    /// The address.
    pub to: &'a str,
    /// What it says...
    pub template: Template,
    /// ...and what is filled in there.
    pub values: minijinja::Value,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct MailError {
    text: String,
    /// Whether it is refused again if it is tried again.
    pub is_permanent: bool,
}

impl MailError {
    fn permanent(error: impl std::error::Error) -> Self {
        Self { text: error.to_string(), is_permanent: true }
    }
}

/// Sends mails. Clones share the connections.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    transport: Transport,
    from: Mailbox,
    frontend_url: String,
    templates: Templates,
}

enum Transport {
    Smtp(Smtp),
    Folder(PathBuf),
}

impl Mailer {
    /// As `mail` in the settings says.
    ///
    /// # Errors
    /// For a sender that is no address, and a server's address that cannot be read; names the setting.
    pub fn new(settings: &MailSettings) -> Result<Self, String> {
        let transport = match &settings.smtp_url {
            None => Transport::Folder(OUTBOX.into()),
            Some(url) => {
                // The error may quote the password.
                let refused = |_| "mail.smtp_url: not the address of an SMTP server".to_owned();
                let smtp = Smtp::from_url(url.expose_secret()).map_err(refused)?.timeout(Some(TIMEOUT));
                Transport::Smtp(smtp.pool_config(PoolConfig::new().max_size(CONNECTIONS)).build())
            }
        };
        Self::through(settings, transport)
    }

    /// The same into a folder, whatever the settings say.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn into_folder(settings: &MailSettings, folder: PathBuf) -> Result<Self, String> {
        Self::through(settings, Transport::Folder(folder))
    }

    fn through(settings: &MailSettings, transport: Transport) -> Result<Self, String> {
        let from = settings.from.parse().map_err(|error| format!("mail.from: {error}"))?;
        let templates = Templates::new().map_err(|error| format!("a mail's template: {error:#}"))?;
        Ok(Self(Arc::new(Inner { transport, from, frontend_url: settings.frontend_url.clone(), templates })))
    }

    /// A link to a page of the frontend that takes a token. Built from the settings alone: nothing that a request
    /// says about the server's name gets into a mail.
    #[must_use]
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}?token={token}", self.0.frontend_url.trim_end_matches('/'))
    }

    /// Whether the server answers; always so without one.
    pub async fn answers(&self) -> bool {
        match &self.0.transport {
            Transport::Smtp(smtp) => smtp.test_connection().await.unwrap_or(false),
            Transport::Folder(_) => true,
        }
    }

    /// Sends the mail, or writes the file.
    ///
    /// # Errors
    /// For an address that is none, a mail that the server refuses, and when it cannot be reached.
    pub async fn send(&self, mail: Mail<'_>) -> Result<(), MailError> {
        let (id, message) = (mail.id, self.message(&mail)?);
        match &self.0.transport {
            Transport::Smtp(smtp) => smtp.send(message).await.map(|_| ()).map_err(|error| {
                let is_ours = error.status().is_some_and(|code| OUR_FAULT.contains(&code.into()));
                MailError { is_permanent: error.is_permanent() && !is_ours, text: error.to_string() }
            }),
            Transport::Folder(folder) => {
                let written = write(folder.join(format!("{id}.eml")), message.formatted()).await;
                written.map_err(|error| MailError { text: error.to_string(), is_permanent: false })
            }
        }
    }

    fn message(&self, mail: &Mail<'_>) -> Result<Message, MailError> {
        let Inner { from, templates, .. } = &*self.0;
        let sender = from.name.as_deref().unwrap_or_else(|| from.email.domain());
        let (text, html) = templates.render(mail.template, sender, &mail.values).map_err(MailError::permanent)?;
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, mail.to.parse().map_err(MailError::permanent)?))
            .subject(mail.template.subject())
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(MailError::permanent)
    }
}

async fn write(file: PathBuf, message: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    // Under its name it is whole.
    let unfinished = file.with_extension("tmp");
    tokio::fs::write(&unfinished, message).await?;
    tokio::fs::rename(&unfinished, &file).await?;
    tracing::info!(file = %file.display(), "mail written");
    Ok(())
}
