//! `jobs`: latency and throughput of jobs, and whether each runs once.

use std::process::{Child, Command};
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use keel::core::client::Client;
use keel::core::clock::Clock;
use keel::core::config::{self, Sources};
use keel::core::database::migrate;
use keel::core::database::{self, Db, begin_write};
use keel::entities::job::Model;
use keel::jobs::kinds::Job;
use keel::jobs::kinds::email_token::{EmailToken, Link};
use keel::jobs::queue::{self, Status};
use tokio::time::sleep;
use uuid::Uuid;

use crate::Outcome;

/// Jobs in one transaction.
const BATCH: u64 = 500;

#[derive(Args)]
pub struct Options {
    /// The program that runs the jobs
    #[arg(long, default_value = "target/release/keel")]
    program: String,
    /// An empty database, which is migrated: sqlite://… or postgres://…
    #[arg(long)]
    database: String,
    /// Number of worker processes
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Number of jobs
    #[arg(long, default_value_t = 1000)]
    count: u64,
}

/// Worker processes, which are killed with the program.
struct Workers(Vec<Child>);

impl Workers {
    fn start(options: &Options) -> std::io::Result<Self> {
        let start = |_| {
            let mut command = Command::new(&options.program);
            command.arg("worker").env("DATABASE_URL", &options.database).env("RUST_LOG", "warn");
            // Any free port for the health checks.
            command.env("PORT", "0");
            command.env("APP__JOBS__IN_PROCESS", "false");
            command.env("APP__JOBS__CONCURRENCY", "16").env("APP__DATABASE__MAX_CONNECTIONS", "20").spawn()
        };
        (0..options.workers).map(start).collect::<Result<_, _>>().map(Self)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// A job that does almost nothing: its link does not exist.
fn no_op() -> Job {
    Job::EmailToken(EmailToken { id: Uuid::now_v7(), link: Link::PasswordRecovery, client: Client::default() })
}

pub async fn run(options: Options) -> Outcome {
    let variables = [("DATABASE_URL".to_owned(), options.database.clone())].into();
    let settings = config::load(&Sources { variables, ..Sources::default() })?;
    let db = database::connect(&settings.database).await?;
    migrate::up(&db).await?;
    if queue::count(&db, Status::Done).await? > 0 {
        return Err("the database has jobs already: give it an empty one".into());
    }

    // One by one, while nothing else happens.
    let workers = Workers::start(&options)?;
    sleep(Duration::from_secs(1)).await;
    for _ in 0..200 {
        enqueue(&db, 1).await?;
        sleep(Duration::from_millis(15)).await;
    }
    let jobs = done(&db, 200).await?;
    let mut waits: Vec<TimeDelta> = jobs.iter().filter_map(|job| Some(job.finished_at? - job.run_at)).collect();
    waits.sort();
    let at = |percent: usize| waits[waits.len() * percent / 100].num_microseconds().unwrap_or(i64::MAX);
    println!("from queued to done on an idle machine: p50 {} µs, p95 {} µs, p99 {} µs", at(50), at(95), at(99));
    drop(workers);

    for _ in 0..options.count.div_ceil(BATCH) {
        enqueue(&db, BATCH.min(options.count)).await?;
    }
    let workers = Workers::start(&options)?;
    let total = 200 + options.count.div_ceil(BATCH) * BATCH.min(options.count);
    let jobs = done(&db, total).await?;
    drop(workers);
    let mut finished: Vec<_> = jobs.iter().skip(200).filter_map(|job| job.finished_at).collect();
    finished.sort();
    let (first, last) = (finished[0], finished[finished.len() - 1]);
    #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
    let rate = finished.len() as f64 * 1e6 / (last - first).num_microseconds().unwrap_or(1) as f64;
    let twice = jobs.iter().filter(|job| job.attempts != 1).count();
    println!(
        "{} jobs on {} workers: {rate:.0} a second, {twice} begun more than once",
        finished.len(),
        options.workers
    );
    Ok(())
}

async fn enqueue(db: &Db, count: u64) -> Outcome {
    let transaction = begin_write(db).await?;
    for _ in 0..count {
        queue::enqueue(&transaction, &no_op(), Clock::system().now()).await?;
    }
    Ok(transaction.commit().await?)
}

/// All jobs, oldest first, once so many are done.
async fn done(db: &Db, count: u64) -> Outcome<Vec<Model>> {
    while queue::count(db, Status::Done).await? < count {
        sleep(Duration::from_millis(100)).await;
    }
    let mut jobs = queue::list(db, Status::Done, count).await?;
    jobs.reverse();
    Ok(jobs)
}
