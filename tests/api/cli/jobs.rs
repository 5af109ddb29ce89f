//! Jobs of real processes, which are killed.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keel::core::clock::Clock;
use keel::core::database::begin_write;
use keel::entities::{job, user};
use keel::jobs::kinds::Job;
use keel::jobs::queue::{self, Status};
use reqwest::StatusCode;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::serve::{Process, log_in};
use super::{bare, command, fails, folder, succeeds};
use crate::support::database::TestDatabase;
use crate::support::smtp::{Mood, Smtp, message_id};
use crate::support::socket::TIMEOUT;

/// The status of the response, or an error when there is none.
async fn post(address: SocketAddr, path: &str, token: &str, body: &Value) -> reqwest::Result<StatusCode> {
    let request = reqwest::Client::new().post(format!("http://{address}/api/v1{path}"));
    let response = request.header("host", "testserver").bearer_auth(token).json(body).send().await?;
    Ok(response.status())
}

/// A new user, who gets a mail.
fn new_user(email: &str) -> Value {
    json!({ "email": email, "password": "kettle with a lid" })
}

/// With this mail server, and a lease of a second.
fn with<'c>(command: &'c mut Command, smtp: &Smtp) -> &'c mut Command {
    command.env("SMTP_URL", smtp.url()).env("APP__JOBS__LEASE_SECONDS", "1")
}

/// The ids of the mails to each address of those.
fn by_recipient(mails: &[String]) -> HashMap<String, HashSet<String>> {
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for mail in mails {
        let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
        ids.entry(to.to_owned()).or_default().insert(message_id(mail));
    }
    ids
}

#[tokio::test]
async fn acknowledged_mail_is_sent_after_a_kill() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let smtp = Smtp::start(Mood::Silent).await;
    let process = Process::spawn(with(&mut command(folder.path(), &database, &["serve"]), &smtp));
    let address = process.address();
    let token = log_in(address).await;
    for index in 0..12 {
        let body = new_user(&format!("bob{index}@example.org"));
        assert_eq!(post(address, "/users", &token, &body).await.unwrap(), 201);
    }
    // SIGKILL, while six of them are being sent.
    drop(process);
    smtp.mood.send_replace(Mood::Good);
    let again = Process::spawn(with(&mut command(folder.path(), &database, &["worker"]), &smtp));
    let ids = by_recipient(&smtp.mails(12).await);
    assert!(ids.len() == 12 && ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    drop(again);
}

#[tokio::test]
async fn acknowledged_users_and_mails_survive_a_kill_under_load() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let smtp = Smtp::start(Mood::Good).await;
    let process = Process::spawn(with(&mut command(folder.path(), &database, &["serve"]), &smtp));
    let address = process.address();
    let token = log_in(address).await;
    let acknowledged = Arc::<Mutex<Vec<String>>>::default();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (token, acknowledged) = (token.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for index in 0.. {
                    let name = format!("w{writer}-{index}");
                    let body = new_user(&format!("{name}@example.org"));
                    // No response: the server is gone.
                    let Ok(status) = post(address, "/users", &token, &body).await else { return };
                    assert!(status.is_success(), "{status}");
                    acknowledged.lock().unwrap().push(name);
                }
            })
        })
        .collect();
    while acknowledged.lock().unwrap().len() < 30 {
        sleep(Duration::from_millis(2)).await;
    }
    drop(process);
    for writer in writers {
        writer.await.unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap().clone();

    let process = Process::spawn(with(&mut command(folder.path(), &database, &["serve"]), &smtp));
    process.address();
    let db = database.connect().await;
    // One statement: a job whose lease expires between two would be in neither count.
    let unfinished = job::Entity::find().filter(job::Column::Status.is_in([Status::Queued, Status::Running]));
    let done = async {
        while unfinished.clone().count(&db).await.unwrap() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, done).await.expect("every job is done");
    assert_eq!(queue::count(&db, Status::Dead).await.unwrap(), 0);
    let ids = by_recipient(&smtp.mails(0).await);
    let users = user::Entity::find().all(&db).await.unwrap();
    let users: HashSet<String> = users.into_iter().map(|user| user.email).collect();
    for name in acknowledged {
        let email = format!("{name}@example.org");
        let mailed = ids.get(&email).unwrap_or_else(|| panic!("no mail to {name}"));
        assert_eq!(mailed.len(), 1, "{name}: {mailed:?}");
        assert!(users.contains(&email), "no user {name}");
    }
}

#[tokio::test]
async fn sigterm_returns_jobs_that_hang_to_the_queue_after_a_third_of_the_grace_period() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let smtp = Smtp::start(Mood::Silent).await;
    let mut serve = command(folder.path(), &database, &["serve"]);
    serve.env("SMTP_URL", smtp.url()).env("APP__SERVER__SHUTDOWN_GRACE_SECONDS", "18");
    serve.env("APP__MAIL__TIMEOUT_SECONDS", "300");
    let mut process = Process::spawn(&mut serve);
    let address = process.address();
    let token = log_in(address).await;
    for index in 0..3 {
        let body = new_user(&format!("bob{index}@example.org"));
        assert_eq!(post(address, "/users", &token, &body).await.unwrap(), 201);
    }
    let db = database.connect().await;
    let running = async {
        while queue::count(&db, Status::Running).await.unwrap() < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, running).await.expect("the jobs run");
    let started = Instant::now();
    process.terminate();
    assert!(process.ended().await.success());
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    let queued = queue::list(&db, Status::Queued, 10).await.unwrap();
    assert_eq!(queued.iter().map(|job| job.attempts).collect::<Vec<_>>(), [0, 0, 0]);
}

#[tokio::test]
async fn serve_leaves_jobs_to_workers_without_in_process() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let smtp = Smtp::start(Mood::Good).await;
    let mut serve = command(folder.path(), &database, &["serve"]);
    let server = Process::spawn(with(&mut serve, &smtp).env("APP__JOBS__IN_PROCESS", "false"));
    let address = server.address();
    let token = log_in(address).await;
    assert_eq!(post(address, "/users", &token, &new_user("bob@example.org")).await.unwrap(), 201);
    let db = database.connect().await;
    assert_eq!(queue::count(&db, Status::Queued).await.unwrap(), 1);
    let mut worker = Process::spawn(with(&mut command(folder.path(), &database, &["worker"]), &smtp));
    smtp.mails(1).await;
    worker.terminate();
    assert!(worker.ended().await.success());
}

#[tokio::test]
async fn dead_jobs_are_listed_retried_and_purged() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let jobs = |arguments: &[&str]| succeeds(&mut command(folder.path(), &database, &[&["jobs"], arguments].concat()));
    let db = database.connect().await;
    let mut ids = Vec::new();
    for index in 0..3 {
        let transaction = begin_write(&db).await.unwrap();
        ids.push(queue::enqueue(&transaction, &Job::CleanUp, Clock::system().now()).await.unwrap().to_string());
        transaction.commit().await.unwrap();
        assert_eq!(queue::count(&db, Status::Queued).await.unwrap(), index + 1);
    }
    let dead = "UPDATE jobs SET status = 'dead', attempts = 20, last_error = 'it rained'";
    db.execute_unprepared(dead).await.unwrap();

    let output = jobs(&["list"]);
    assert!(
        output.contains("dead    3") && output.contains("clean_up 20 attempts") && output.contains("it rained"),
        "{output}"
    );
    assert!(ids.iter().all(|id| output.contains(id)), "{output}");
    assert_eq!(jobs(&["retry", &ids[0]]), "1 queued\n");
    assert_eq!(jobs(&["purge", &ids[1], &ids[0]]), "1 deleted\n");
    assert!(jobs(&["list", "--status", "queued"]).contains(&ids[0]));
    assert_eq!(jobs(&["retry", "--all"]), "1 queued\n");
    // All of them has to be output.
    for arguments in [&["jobs", "purge"][..], &["jobs", "retry"], &["jobs", "purge", "--all", &ids[0]]] {
        fails(&mut command(folder.path(), &database, arguments));
    }
}

#[test]
fn limit_beyond_every_list_is_refused() {
    let output = fails(&mut bare(folder().path(), &["jobs", "list", "--limit", "9223372036854775808"]));
    assert!(output.contains("--limit") && !output.contains("panicked"), "{output}");
}

// only with observability
#[tokio::test]
async fn metrics_listener_reports_jobs() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let smtp = Smtp::start(Mood::Strict).await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut serve = command(folder.path(), &database, &["serve"]);
    let process = Process::spawn(with(&mut serve, &smtp).env("APP__METRICS__PORT", port.to_string()));
    let address = process.address();
    let token = log_in(address).await;
    assert_eq!(post(address, "/users", &token, &new_user("bob@example.org")).await.unwrap(), 201);
    let metrics =
        async || reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    let logged = async {
        let all = [
            r#"jobs_total{kind="email_token",outcome="dead"} 1"#,
            r#"jobs{status="dead"} 1"#,
            "job_duration_seconds_count",
        ];
        loop {
            let text = metrics().await;
            if all.iter().all(|line| text.contains(line)) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, logged).await.expect("the log has the lines");
    // The main listener does not serve metrics.
    let response = reqwest::Client::new().get(format!("http://{address}/metrics")).header("host", "testserver").send();
    assert_eq!(response.await.unwrap().status(), 404);
}
