//! Runs a program that must not be trusted with what it reads: it is limited in memory, time and what it may write,
//! sees no file but those it is given, has no network and dies with this server.
//!
//! The limits of memory, processor time and file size always hold, and so does the clock. What only some kernels and
//! sites offer (Landlock, name spaces) is used where it is there. What is run and why is not this module's business.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// What a program says beyond this is not kept.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

/// The rules are made of what this version of Landlock knows; an older kernel enforces what it can.
const LANDLOCK: ABI = ABI::V5;

/// Where programs and their libraries are. No data of anybody is there.
const PROGRAMS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// Where the program itself is looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program may use.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Address space.
    pub(super) memory_bytes: u64,
    /// Seconds of processor time.
    pub(super) cpu_seconds: u64,
    /// No file becomes larger.
    pub(super) file_bytes: u64,
    /// How long it may take by the clock.
    pub(super) time: Duration,
    /// The files it may read.
    pub(super) reads: Vec<PathBuf>,
    /// The files it may write. They must be there.
    pub(super) writes: Vec<PathBuf>,
}

/// How a program ended that ended by itself.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs a program to its end. Dropped before, it is killed; `None` if it took too long.
pub(super) async fn run(
    program: &Path,
    arguments: &[&OsStr],
    limits: &Limits,
) -> io::Result<Option<Output>> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    confine(&mut command, program, limits)?;
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let to_the_end = async {
        let (stdout, stderr, status) =
            tokio::try_join!(start_of(stdout), start_of(stderr), child.wait())?;
        io::Result::Ok(Output {
            status,
            stdout,
            stderr,
        })
    };
    match tokio::time::timeout(limits.time, to_the_end).await {
        Ok(done) => done.map(Some),
        Err(_) => {
            child.kill().await?;
            Ok(None)
        }
    }
}

/// The first of what comes; the rest is read and dropped, so that the writer is never stopped.
async fn start_of(source: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut source) = source {
        (&mut source)
            .take(MAX_OUTPUT_BYTES)
            .read_to_end(&mut kept)
            .await?;
        tokio::io::copy(&mut source, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

/// Has the limits set in the new process before the program begins.
#[expect(
    unsafe_code,
    reason = "between fork and exec is the only moment at which a process can be limited before it runs"
)]
fn confine(command: &mut Command, program: &Path, limits: &Limits) -> io::Result<()> {
    let mut files = Some(file_rules(program, limits).map_err(io::Error::other)?);
    let resources = [
        (Resource::Core, 0),
        (Resource::Nofile, 256),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Cpu, limits.cpu_seconds),
        // Last: from here on nothing can be mapped.
        (Resource::As, limits.memory_bytes),
    ];
    let confine = move || -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::thread::set_no_new_privs(true)?;
        hide_network();
        if let Some(files) = files.take()
            && files.restrict_self().is_err()
        {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        for (resource, limit) in resources {
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            setrlimit(resource, limit)?;
        }
        Ok(())
    };
    // SAFETY: the closure runs in a forked child of a process with several threads, so it may only do what is safe in a
    // signal handler. It makes system calls and changes numbers on its own stack; it takes no lock and allocates nothing.
    // The rules were built before the fork; enforcing them is three system calls.
    unsafe { command.pre_exec(confine) };
    Ok(())
}

/// Puts the process where there is no network, and in a name space of its own where root is nobody.
#[expect(
    unsafe_code,
    reason = "unsharing is unsafe only for file tables, which are left as they are"
)]
fn hide_network() {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    let spaces = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC;
    // SAFETY: none of the flags has to do with file descriptors. Many sites forbid it; the program is limited without it.
    let _ = unsafe { unshare_unsafe(spaces) };
}

/// Which files the process may open: the program and its libraries, and what it is to work on.
fn file_rules(program: &Path, limits: &Limits) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::from_read(LANDLOCK);
    let read_file = AccessFs::ReadFile;
    let write_file = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let own = program.parent().filter(|_| program.is_absolute());
    Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(PROGRAMS, read))?
        .add_rules(path_beneath_rules(own, read))?
        .add_rules(path_beneath_rules(&limits.reads, read_file))?
        .add_rules(path_beneath_rules(&limits.writes, write_file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use landlock::{CompatLevel, Compatible};

    fn limits() -> Limits {
        Limits {
            memory_bytes: 1 << 30,
            cpu_seconds: 2,
            file_bytes: 1 << 20,
            time: Duration::from_secs(20),
            reads: Vec::new(),
            writes: Vec::new(),
        }
    }

    async fn shell(script: &str, limits: &Limits) -> Option<Output> {
        let arguments = ["-c", script].map(OsStr::new);
        run(Path::new("sh"), &arguments, limits).await.unwrap()
    }

    #[tokio::test]
    async fn a_program_has_limits_and_nothing_of_our_environment() {
        let told = shell("ulimit -v; ulimit -t; ulimit -f; env", &limits())
            .await
            .unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(&lines[..3], ["1048576", "2", "2048"]);
        let mut names: Vec<&str> = lines[3..]
            .iter()
            .filter_map(|line| line.split('=').next())
            .collect();
        names.retain(|name| !["PWD", "_", "OLDPWD", "SHLVL"].contains(name));
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "PATH"]);
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended() {
        let limits = Limits {
            time: Duration::from_millis(100),
            ..limits()
        };
        assert!(shell("sleep 60", &limits).await.is_none());
        let spinning = Limits {
            cpu_seconds: 1,
            ..self::limits()
        };
        let spun = shell("while :; do :; done", &spinning).await.unwrap();
        assert!(!spun.status.success());
    }

    #[tokio::test]
    async fn a_program_that_says_much_is_read_to_its_end() {
        let said = shell("head -c 3000000 /dev/zero", &limits()).await.unwrap();
        assert!(said.status.success());
        assert_eq!(said.stdout.len() as u64, MAX_OUTPUT_BYTES);
    }

    #[tokio::test]
    async fn files_grow_no_further_than_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::write(&path, "").unwrap();
        let limits = Limits {
            writes: vec![path.clone()],
            ..limits()
        };
        let script = format!("head -c 3000000 /dev/zero > {}", path.display());
        let outcome = shell(&script, &limits).await.unwrap();
        assert!(!outcome.status.success());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), limits.file_bytes);
    }

    #[tokio::test]
    async fn other_files_are_out_of_reach() {
        // Kernels without Landlock have nothing to show here.
        let is_enforced = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::ReadFile)
            .and_then(Ruleset::create)
            .is_ok();
        let folder = tempfile::tempdir().unwrap();
        let (secret, own) = (folder.path().join("secret"), folder.path().join("own"));
        std::fs::write(&secret, "secret").unwrap();
        std::fs::write(&own, "own").unwrap();
        let limits = Limits {
            reads: vec![own.clone()],
            ..limits()
        };
        let read = |path: &Path| format!("cat {}", path.display());
        let allowed = shell(&read(&own), &limits).await.unwrap();
        assert_eq!(allowed.stdout, b"own");
        let refused = shell(&read(&secret), &limits).await.unwrap();
        if is_enforced {
            assert!(!refused.status.success());
            assert_eq!(refused.stdout, b"");
        }
    }
}
