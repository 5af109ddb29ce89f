//! `serve` with limits of the operating system.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keel::entities::user;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

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

/// Creates users or the like through `serve` on SQLite while the disk fails, and when it works again. Returns the ids
/// that were acknowledged.
///
/// A write beyond the size that a file may have is an I/O error for SQLite. A full disk is another error, which
/// `database/full.rs` tests.
pub async fn create_around_io_errors(database: &TestDatabase, path: &str, body: impl Fn(usize) -> Value) -> Vec<Uuid> {
    let folder = folder();
    // In units of 512 bytes, or of 1024 in some shells: reached before SQLite empties its write-ahead log by itself.
    let process = serve_after("trap '' XFSZ; ulimit -f 3000", folder.path(), database);
    let address = process.address();
    let token = log_in(address).await;
    let head = format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
    let mut created = Vec::new();
    let mut create = async |number: usize| {
        let response = request(address, &head, &body(number).to_string()).await;
        if response.status == 201 {
            let row: Value = serde_json::from_slice(&response.body).unwrap();
            created.push(row["id"].as_str().unwrap().parse().unwrap());
        }
        response.status
    };
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 1000, "the limit was reached");
        let status = create(number).await;
        if status != 201 {
            break status;
        }
    };
    assert_eq!(refused, 503);
    for again in 1..10 {
        assert_eq!(create(number + again).await, 503);
    }

    // SQLite starts its write-ahead log again from the beginning.
    let db = database.connect().await;
    db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    for again in 10..20 {
        assert_eq!(create(number + again).await, 201, "writes go on");
    }
    created
}

#[tokio::test]
async fn created_users_are_stored_after_io_errors() {
    if server_url().is_some() {
        return;
    }
    let database = TestDatabase::empty().await;
    let body = |number| json!({ "email": format!("user{number}@example.com"), "password": "correct horse battery" });
    let created = create_around_io_errors(&database, "/api/v1/users", body).await;
    let stored = user::Entity::find().all(&database.connect().await).await.unwrap();
    let stored: HashSet<Uuid> = stored.into_iter().map(|user| user.id).collect();
    let lost = created.iter().filter(|id| !stored.contains(id)).count();
    assert_eq!(lost, 0, "of {} acknowledged users", created.len());
}
