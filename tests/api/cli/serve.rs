//! `serve` and `worker` as real processes.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use keel::core::database::migrate;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::{bare, command, fails, folder, succeeds};
use crate::support::database::TestDatabase;
use crate::support::socket::{RawResponse, Socket, TIMEOUT};

/// A process, which is killed when the test ends.
pub(super) struct Process {
    pub(super) child: Child,
    log: mpsc::Receiver<String>,
}

impl Process {
    /// Starts it on a free port, which it logs.
    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut child = command.env("PORT", "0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = mpsc::channel();
        // The process would block if nothing read the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, log }
    }

    /// Waits until the process logs its address.
    pub(super) fn address(&self) -> SocketAddr {
        let mut output = Vec::new();
        loop {
            let line =
                self.log.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("the process does not listen: {output:#?}"));
            if let Some((_, address)) = line.split_once("listening on http://") {
                let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']');
                return address.split(|c| !is_part(c)).next().unwrap().parse().unwrap();
            }
            output.push(line);
        }
    }

    // only with observability
    /// The lines that were not read yet, of a process that has ended.
    pub(super) fn rest_of_log(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    pub(super) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(super) async fn ended(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, ended).await.expect("the process ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) async fn request(address: SocketAddr, head: &str, body: &str) -> RawResponse {
    let mut socket = Socket::connect(address).await;
    let length = body.len();
    socket.send(format!("{head}\r\nHost: testserver\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    socket.response().await
}

/// A token of the superuser that the suite's settings name.
pub(super) async fn log_in(address: SocketAddr) -> String {
    let head = "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    let response = request(address, head, "username=admin%40example.com&password=changethis").await;
    assert_eq!(response.status, 200, "{response:?}");
    let token: Value = serde_json::from_slice(&response.body).unwrap();
    token["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn missing_static_dir_stops_the_start_by_name() {
    for command in ["serve", "doctor"] {
        let output = fails(bare(folder().path(), &[command]).env("APP__SERVER__STATIC_DIR", "nowhere/dist"));
        assert!(output.contains("server.static_dir") && output.contains("nowhere/dist"), "{command}: {output}");
    }
}

#[tokio::test]
async fn serve_starts_without_configuration() {
    let folder = folder();
    let process = Process::spawn(&mut bare(folder.path(), &[]));
    let address = process.address();
    assert!(address.ip().is_loopback());
    assert!(folder.path().join("data/keel.db").exists());
    let mut socket = Socket::connect(address).await;
    socket.send(format!("GET /docs HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    assert_eq!(socket.response().await.status, 200);
    let documents = process.log.recv_timeout(TIMEOUT).unwrap();
    assert!(documents.contains(&format!("http://{address}/docs")), "{documents}");
}

#[tokio::test]
async fn default_superuser_is_created_on_loopback_only() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let superusers = async || {
        let db = database.connect().await;
        let query = Statement::from_string(db.get_database_backend(), "SELECT id FROM users WHERE is_superuser");
        db.query_all_raw(query).await.unwrap().len()
    };
    let serve = |host: &str, password: &str| {
        let mut command = bare(folder.path(), &["serve"]);
        command.env("DATABASE_URL", &database.url).env("HOST", host).env("FIRST_SUPERUSER_PASSWORD", password);
        let process = Process::spawn(&mut command);
        let mut output = Vec::new();
        while !output.last().is_some_and(|line: &String| line.contains("listening on")) {
            output.push(process.log.recv_timeout(TIMEOUT).unwrap());
        }
        output.concat()
    };
    let output = serve("0.0.0.0", "");
    assert!(output.contains("first superuser not created") && output.contains("FIRST_SUPERUSER_PASSWORD"), "{output}");
    assert_eq!(superusers().await, 0);
    serve("0.0.0.0", "changethis");
    assert_eq!(superusers().await, 1);
    database.connect().await.execute_unprepared("DELETE FROM users").await.unwrap();
    serve("127.0.0.1", "");
    assert_eq!(superusers().await, 1);
}

#[tokio::test]
async fn healthcheck_asks_the_running_server() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let process = Process::spawn(&mut command(folder.path(), &database, &["serve"]));
    let port = process.address().port().to_string();
    let healthcheck = || {
        let mut command = command(folder.path(), &database, &["healthcheck"]);
        command.env("PORT", &port);
        command
    };
    succeeds(&mut healthcheck());
    succeeds(healthcheck().env("HOST", "0.0.0.0"));
}

// only with jobs
#[tokio::test]
async fn healthcheck_asks_the_running_worker() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let process = Process::spawn(&mut command(folder.path(), &database, &["worker"]));
    let address = process.address();
    succeeds(command(folder.path(), &database, &["healthcheck"]).env("PORT", address.port().to_string()));
    assert_eq!(Socket::connect(address).await.get("/health/live").await.status, 200);
    assert_eq!(Socket::connect(address).await.get("/api/v1/users/me").await.status, 404);
}

#[tokio::test]
async fn sigterm_ends_the_process_with_success() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let mut process = Process::spawn(&mut command(folder.path(), &database, &["serve"]));
    let mut idle = Socket::connect(process.address()).await;
    assert_eq!(idle.get("/health/ready").await.status, 200);
    process.terminate();
    assert!(process.ended().await.success());
    idle.closed().await;
}

#[tokio::test]
async fn stalled_client_delays_the_end_for_the_grace_period_only() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let mut command = command(folder.path(), &database, &["serve"]);
    let mut process = Process::spawn(command.env("APP__SERVER__SHUTDOWN_GRACE_SECONDS", "1"));
    let mut stalled = Socket::connect(process.address()).await;
    let head = "POST /token HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/x-www-form-urlencoded";
    stalled.send(format!("{head}\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n")).await;
    // The handler asks for the body: it runs.
    assert_eq!(stalled.response().await.status, 100);
    process.terminate();
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn port_that_is_in_use_is_named() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = fails(command(folder.path(), &database, &["serve"]).env("PORT", &port));
    assert!(output.contains("cannot listen") && output.contains(&port), "{output}");
}

#[tokio::test]
async fn acknowledged_write_survives_a_kill() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let mut process = Process::spawn(&mut command(folder.path(), &database, &["serve"]));
    let address = process.address();
    let token = log_in(address).await;
    let head = format!("HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
    let body = json!({ "full_name": "Ann" }).to_string();
    let changed = request(address, &format!("PATCH /api/v1/users/me {head}"), &body).await;
    assert_eq!(changed.status, 200);
    // SIGKILL.
    process.child.kill().unwrap();
    process.ended().await;

    let process = Process::spawn(&mut command(folder.path(), &database, &["serve"]));
    let found = request(process.address(), &format!("GET /api/v1/users/me {head}"), "").await;
    assert_eq!((found.status, &found.body), (200, &changed.body));
}

#[tokio::test]
async fn processes_that_start_together_migrate_an_empty_database_once() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let processes = [(); 3].map(|()| Process::spawn(&mut command(folder.path(), &database, &["serve"])));
    for process in &processes {
        let address = process.address();
        assert_eq!(Socket::connect(address).await.get("/health/ready").await.status, 200);
        log_in(address).await;
    }
    let db = database.connect().await;
    let rows = async |query: &str| {
        db.query_all_raw(Statement::from_string(db.get_database_backend(), query)).await.unwrap().len()
    };
    let known = migrate::status(&db).await.unwrap().len();
    assert_eq!(rows("SELECT version FROM seaql_migrations").await, known);
    assert_eq!(rows("SELECT DISTINCT version FROM seaql_migrations").await, known);
    assert_eq!(rows("SELECT id FROM users").await, 1, "one first superuser");
}
