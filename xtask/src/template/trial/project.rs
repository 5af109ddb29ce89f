//! One project, and what is checked of each.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::Regex;

use super::links;
use crate::answers::{self, Answers, git, run};
use crate::files;
use crate::template::names::TEMPLATE;
use crate::template::parts::Parts;
use crate::template::render;

/// How long a service may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A project that was made from the template.
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    target: PathBuf,
    answers: Answers,
}

impl Project {
    /// Makes the project, and commits it.
    pub fn make(folder: &Path, target: &Path, answers: Answers) -> Result<Self> {
        println!("\n== {}: {} {:?}", answers.name, answers.preset, answers.choices);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        render::render(Some(folder), answers.clone())?;
        let project = Self::made(folder, target, answers);
        git(folder, &["init", "--quiet"])?;
        project.commit("made from the template")?;
        Ok(project)
    }

    /// A project that was made by other means.
    pub fn made(folder: &Path, target: &Path, answers: Answers) -> Self {
        Self { folder: folder.to_owned(), target: target.to_owned(), answers }
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) -> Result<()> {
        git(&self.folder, &["add", "--all"])?;
        let author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        git(&self.folder, &[&author[..], &["commit", "--quiet", "--message", message]].concat())?;
        Ok(())
    }

    /// Checks what every project must have.
    pub fn check(&self) -> Result<()> {
        self.has_nothing_of_the_template()?;
        self.has_nothing_of_what_was_left_out()?;
        links::check(&self.folder)?;
        for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
            self.cargo(&["fmt", "--check", "--manifest-path", manifest])?;
        }
        self.cargo(&["clippy", "--quiet", "--locked", "--all-targets", "--", "-D", "warnings"])?;
        self.cargo(&["test", "--quiet", "--locked", "--manifest-path", "xtask/Cargo.toml"])?;
        self.on_sqlite(&[])?;
        self.serves()
    }

    /// Runs tests with these names on SQLite.
    pub fn on_sqlite(&self, names: &[&str]) -> Result<()> {
        println!("-- tests on SQLite {}", names.join(" "));
        run(self
            .command("cargo")
            .args(["test", "--quiet", "--locked", "--"])
            .args(names)
            .env_remove("TEST_DATABASE_URL"))
    }

    /// Runs tests with these names on PostgreSQL.
    pub fn on_postgresql(&self, names: &[&str]) -> Result<()> {
        println!("-- tests on PostgreSQL {}", names.join(" "));
        run(self.command("cargo").args(["test", "--quiet", "--locked", "--"]).args(names))
    }

    /// Runs a tool of the project.
    pub fn xtask(&self, arguments: &[&str]) -> Result<()> {
        println!("-- cargo xtask {}", arguments.join(" "));
        let xtask = ["run", "--quiet", "--locked", "--manifest-path", "xtask/Cargo.toml", "--"];
        run(self.command("cargo").args(xtask).args(arguments))
    }

    /// Runs cargo.
    pub fn cargo(&self, arguments: &[&str]) -> Result<()> {
        println!("-- cargo {}", arguments.join(" "));
        run(self.command("cargo").args(arguments))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    fn has_nothing_of_the_template(&self) -> Result<()> {
        let mark = Regex::new("only with [a-z_]+")?;
        for (path, text) in files::read(&self.folder)? {
            if path.to_string_lossy().contains(TEMPLATE) {
                bail!("{}: the name of the template", path.display());
            }
            for (number, line) in text.lines().enumerate() {
                let is_mark = mark.is_match(line) && !path.starts_with("xtask");
                if line.to_lowercase().contains(TEMPLATE) || is_mark {
                    bail!("{}:{}: of the template: {line}", path.display(), number + 1);
                }
            }
        }
        Ok(())
    }

    fn has_nothing_of_what_was_left_out(&self) -> Result<()> {
        let parts = Parts::load()?;
        let kept = parts.choose(&self.answers.preset, &self.answers.choices)?;
        let files = files::read(&self.folder)?;
        let mut found = Vec::new();
        for (name, part) in parts.left_out(&kept) {
            let words = Regex::new(&part.words).with_context(|| format!("the words of {name}"))?;
            // The tools can add resources of any name, and the lock file has the dependencies of dependencies.
            let is_checked = |path: &Path| {
                !path.starts_with("xtask") && path != Path::new(answers::FILE) && path != Path::new("Cargo.lock")
            };
            for (path, text) in files.iter().filter(|(path, _)| is_checked(path)) {
                let lines = text.lines().enumerate().filter(|(_, line)| words.is_match(line));
                found.extend(lines.map(|(number, line)| format!("{name}: {}:{}: {line}", path.display(), number + 1)));
            }
        }
        if !found.is_empty() {
            bail!("left over:\n{}", found.join("\n"));
        }
        Ok(())
    }

    /// Starts the service in an empty folder, and asks it for its pages and for a token.
    fn serves(&self) -> Result<()> {
        println!("-- the service");
        self.cargo(&["build", "--quiet", "--locked"])?;
        let folder = self.folder.join("target/service");
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(self.target.join("debug").join(&self.answers.name));
        command.current_dir(&folder).env("PORT", port.to_string()).env_remove("TEST_DATABASE_URL");
        let _service = Service(command.stdout(Stdio::null()).spawn()?);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > START_TIMEOUT {
                bail!("the service does not start");
            }
            sleep(Duration::from_millis(50));
        }
        for path in ["/health/ready", "/docs/", "/redoc", "/openapi.json"] {
            expect(port, &format!("GET {path} HTTP/1.1"), "", "200")?;
        }
        let form = "username=admin%40example.com&password=changethis";
        let head = "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
        expect(port, head, form, "200")?;
        expect(port, "GET /api/v1/users/me HTTP/1.1", "", "401")
    }
}

/// Ends with the check.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn expect(port: u16, head: &str, body: &str, status: &str) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(START_TIMEOUT))?;
    let length = body.len();
    write!(stream, "{head}\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response);
    if response.split(' ').nth(1) != Some(status) {
        bail!("{head}: expected {status}, got {}", response.lines().next().unwrap_or_default());
    }
    Ok(())
}
