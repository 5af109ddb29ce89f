//! `serve` with limits of the operating system.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keel::entities::user;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::json;
use tokio::time::sleep;

use super::serve::{Process, log_in, request};
use super::{command, folder};
use crate::support::database::{TestDatabase, server_url};
use crate::support::socket::Socket;

/// Starts `serve` after the commands of the shell.
fn serve_after(setup: &str, folder: &Path, database: &TestDatabase) -> Process {
    let serve = command(folder, database, &["serve"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{setup}; exec \"$0\" serve")]).arg(serve.get_program()).current_dir(folder);
    shell.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Process::spawn(&mut shell)
}

/// Each connection takes a file descriptor of the process, and so does each one to the database.
#[tokio::test]
async fn server_without_file_descriptors_goes_on_when_clients_leave() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let mut process = serve_after("ulimit -n 60", folder.path(), &database);
    let address = process.address();
    let mut clients = Vec::new();
    for _ in 0..80 {
        clients.push(Socket::connect(address).await);
    }
    // The last ones wait in the system's queue.
    let mut waiting = clients.pop().unwrap();
    waiting.send("GET /health/live HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    sleep(Duration::from_millis(300)).await;
    assert!(process.child.try_wait().unwrap().is_none(), "the process runs");
    drop(clients);
    assert_eq!(waiting.response().await.status, 200);
}

/// A write beyond the size that files may have is an I/O error for SQLite. On a full disk it is another error, which
/// `database/full.rs` tests.
#[tokio::test]
async fn acknowledged_writes_are_stored_after_io_errors() {
    if server_url().is_some() {
        return;
    }
    let (folder, database) = (folder(), TestDatabase::empty().await);
    // In units of 512 bytes, or of 1024 in some shells: reached before SQLite empties its write-ahead log by itself.
    let process = serve_after("trap '' XFSZ; ulimit -f 3000", folder.path(), &database);
    let address = process.address();
    let token = log_in(address).await;
    let head =
        format!("POST /api/v1/users HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
    let mut acknowledged = Vec::new();
    let mut create = async |name: String| {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": "correct horse battery" }).to_string();
        let status = request(address, &head, &body).await.status;
        if status == 201 {
            acknowledged.push(email);
        }
        status
    };
    let mut refused = 0;
    for number in 0..1000 {
        let status = create(format!("before{number}")).await;
        refused += usize::from(status != 201);
        if refused == 10 {
            assert_eq!(status, 503);
            break;
        }
    }
    assert_eq!(refused, 10, "the limit was reached");

    // SQLite starts its write-ahead log again from the beginning.
    let db = database.connect().await;
    db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    for number in 0..10 {
        assert_eq!(create(format!("after{number}")).await, 201, "writes go on");
    }
    let stored: Vec<String> = user::Entity::find().all(&db).await.unwrap().into_iter().map(|user| user.email).collect();
    let lost = acknowledged.iter().filter(|email| !stored.contains(email)).count();
    assert_eq!(lost, 0, "of {} acknowledged writes", acknowledged.len());
}
