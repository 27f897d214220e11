//! The process: started, waited for, killed, started again on the same folder.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::Api;

/// A debug build on a busy machine needs a while; a server that is really stuck costs the test this much.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What a test wants to be different from `vidimus serve --data-dir <folder>`.
#[derive(Debug)]
pub struct TestServerBuilder {
    program: PathBuf,
    config: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl TestServerBuilder {
    /// A configuration file with this text; `$DIR` in it stands for the server's folder.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// One more argument of `serve`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// A variable in the server's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server on a new folder and waits until it listens.
    pub fn start(self) -> TestServer {
        let dir = TempDir::with_prefix("vidimus-test").expect("a folder for the server");
        if let Some(text) = &self.config {
            let folder = dir.path().display().to_string();
            let path = dir.path().join("glance-api.conf");
            fs::write(path, text.replace("$DIR", &folder)).expect("the configuration is written");
        }
        let mut server = TestServer {
            settings: self,
            dir,
            starts: 0,
            running: None,
        };
        server.start();
        server
    }
}

/// A running server of its own. It dies with the value.
#[derive(Debug)]
pub struct TestServer {
    settings: TestServerBuilder,
    dir: TempDir,
    starts: usize,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    url: String,
}

impl TestServer {
    /// A server of this program, usually `env!("CARGO_BIN_EXE_vidimus")`.
    pub fn builder(program: impl Into<PathBuf>) -> TestServerBuilder {
        TestServerBuilder {
            program: program.into(),
            config: None,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Where it listens. Another port after each start.
    pub fn url(&self) -> &str {
        &self.running().url
    }

    /// Speaks to the server that runs now; after a restart, ask again.
    pub fn api(&self) -> Api {
        Api::new(self.url())
    }

    /// The folder with database, images and cache, unless a configuration says otherwise.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The folder that a configuration knows as `$DIR`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends the process as a crash would: nothing gets a chance to finish.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().expect("the server is killed");
            running.child.wait().expect("the server is dead");
        }
    }

    /// Asks the process to end and waits until it has; answers its exit code, `None` after a signal.
    pub fn stop(&mut self) -> Option<i32> {
        let mut running = self.running.take().expect("the server runs");
        let asked = Command::new("kill")
            .arg(running.child.id().to_string())
            .status()
            .expect("kill runs");
        assert!(asked.success(), "the server was gone already");
        running.child.wait().expect("the server is dead").code()
    }

    /// Sends the process a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.running().child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the server is gone");
    }

    /// Starts the process again on the same folder and waits until it listens.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        self.starts += 1;
        let (out, err) = (self.file("out"), self.file("log"));
        let mut command = Command::new(&self.settings.program);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        if self.settings.config.is_some() {
            command
                .arg("--config-file")
                .arg(self.dir.path().join("glance-api.conf"));
        } else {
            command.arg("--data-dir").arg(self.data_dir());
        }
        let child = command
            .args(&self.settings.arguments)
            .envs(self.settings.environment.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file for the output"))
            .stderr(File::create(&err).expect("a file for the log"))
            .spawn()
            .expect("the server's program starts");
        self.running = Some(Running {
            child,
            url: String::new(),
        });
        let url = self.wait_for_url(&out);
        if let Some(running) = &mut self.running {
            running.url = url;
        }
    }

    /// What this start of the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Physical memory the process has filled itself: without what it has mapped of files, its own program among them.
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.running().child.id());
        let status = fs::read_to_string(path).expect("the server's status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok())
            .expect("RssAnon in kB")
            * 1024
    }

    /// How many files, sockets among them, the process has open.
    pub fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.running().child.id());
        fs::read_dir(path).expect("the server's files").count()
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    /// Each start has its own, so that a line is never taken for one of the start before.
    fn file(&self, kind: &str) -> PathBuf {
        self.dir.path().join(format!("{kind}-{}", self.starts))
    }

    /// The program prints `... listens on <url>` once it does.
    fn wait_for_url(&mut self, out: &Path) -> String {
        let begin = Instant::now();
        loop {
            let text = fs::read_to_string(out).expect("the server's output");
            let line = text
                .lines()
                .find_map(|line| line.split_once(" listens on "));
            // A line without its end is not all there yet.
            if let (Some((_, url)), true) = (line, text.contains('\n')) {
                return url.trim().to_owned();
            }
            let ended = self
                .running
                .as_mut()
                .and_then(|running| running.child.try_wait().expect("the server's state"));
            if let Some(status) = ended {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(
                begin.elapsed() < START_PATIENCE,
                "the server did not come up:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test runner shows this beside the failure.
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(30).collect();
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!(
                    "end of the server's log:\n{}\n",
                    last.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
                .as_bytes(),
            );
        }
        self.kill();
    }
}
