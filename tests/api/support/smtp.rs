//! A mail server (RFC 5321) that works or fails as a test needs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::socket::TIMEOUT;

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    /// Accepts every mail.
    Good,
    /// Closes every connection.
    Gone,
    /// Never responds.
    Silent,
    /// Accepts a mail, and hangs up instead of confirming it.
    Forgetful,
    /// Never confirms a mail.
    HangsAfterData,
    /// Refuses every recipient.
    Strict,
    /// Refuses the login.
    Locked,
}

/// A mail server.
pub struct Smtp {
    pub address: SocketAddr,
    pub mood: watch::Sender<Mood>,
    taken: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Smtp {
    pub async fn start(mood: Mood) -> Self {
        let (mood, moods) = watch::channel(mood);
        let (counter, count) = watch::channel(0);
        let (counter, taken) = (Arc::new(counter), Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), mood, taken: Arc::clone(&taken), count };
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (moods, taken, counter) = (moods.clone(), Arc::clone(&taken), Arc::clone(&counter));
                tokio::spawn(async move {
                    let take = |mail| {
                        taken.lock().unwrap().push(mail);
                        counter.send_modify(|count| *count += 1);
                    };
                    // A client that hangs up.
                    let _ = converse(client, moods, take).await;
                });
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// All accepted mails, once there are `count`.
    pub async fn mails(&self, count: usize) -> Vec<String> {
        let mut counted = self.count.clone();
        let enough = timeout(TIMEOUT, counted.wait_for(|taken| *taken >= count)).await;
        let mails = self.taken.lock().unwrap().clone();
        enough.unwrap_or_else(|_| panic!("{} of {count} mails came", mails.len())).unwrap();
        mails
    }
}

/// The `Message-ID` of a mail.
pub fn message_id(mail: &str) -> String {
    let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    id.unwrap_or_else(|| panic!("no id: {mail}")).trim().to_owned()
}

async fn converse(client: TcpStream, mut moods: watch::Receiver<Mood>, take: impl Fn(String)) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut mail: Option<String> = None;
    let mut response = "220 test".to_owned();
    loop {
        let mood = *moods.borrow_and_update();
        match mood {
            Mood::Gone => return Ok(()),
            Mood::Silent => {
                let _ = moods.changed().await;
                return Ok(());
            }
            Mood::Good | Mood::Forgetful | Mood::HangsAfterData | Mood::Strict | Mood::Locked => {}
        }
        if !response.is_empty() {
            client.write_all(format!("{response}\r\n").as_bytes()).await?;
        }
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if let Some(text) = &mut mail {
            response.clear();
            if line == ".\r\n" {
                if mood == Mood::HangsAfterData {
                    let _ = moods.changed().await;
                    return Ok(());
                }
                take(mail.take().unwrap());
                if *moods.borrow() == Mood::Forgetful {
                    return Ok(());
                }
                "250 taken".clone_into(&mut response);
            } else {
                text.push_str(&line);
            }
            continue;
        }
        let command = line.split([' ', '\r']).next().unwrap_or_default().to_uppercase();
        response = match command.as_str() {
            "MAIL" if mood == Mood::Locked => "535 who are you".to_owned(),
            "RCPT" if mood == Mood::Strict => "550 no such mailbox".to_owned(),
            "DATA" => {
                mail = Some(String::new());
                "354 go on".to_owned()
            }
            "QUIT" => {
                client.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 test".to_owned(),
        };
    }
}
