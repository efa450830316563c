//! Starts functions against a Lambda Runtime API and an AWS of its own, and takes the time.
//!
//! `harness ROUNDS MILLISECONDS FILE NAME=PATH…`, with the environment of a function, which it passes
//! on. In every round each binary is started once, so that whatever else the machine does meets all
//! of them. `MILLISECONDS` is what AWS takes for a call, `FILE` what lies in every bucket. Prints one
//! JSON object per row to standard output.

mod aws;
mod http;
mod listed;
mod runtime_api;
mod scenarios;
mod world;

use std::{
    error::Error,
    fs::{self, File},
    io::{Write, stdout},
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{aws::Aws, runtime_api::RuntimeApi, scenarios::Scenario, world::World};

/// Calls per start. The first ones fill caches and are no part of "warm".
const COLD_CALLS: usize = 10;
const WARM_CALLS: usize = 100;
const SLOW_COLD_CALLS: usize = 1;
const SLOW_WARM_CALLS: usize = 5;

/// What was measured; times in microseconds.
#[derive(Serialize)]
struct Row {
    binary: String,
    note: &'static str,
    /// Of every start: from before the process exists until its first answer is there.
    first: Vec<u64>,
    /// Of every warm call: from handing the event out until the answer is there.
    warm: Vec<u64>,
    /// Of every start, at its end: the most memory that was resident, in bytes.
    peak: Vec<u64>,
}

struct Contender {
    path: PathBuf,
    scenario: Scenario,
    row: Row,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().ok_or("how many rounds?")?.parse()?;
    let milliseconds: f64 = arguments.next().ok_or("how fast is AWS?")?.parse()?;
    let file = fs::read(arguments.next().ok_or("which file?")?)?;

    let aws = Aws::start()?;
    let world =
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(World::build(&aws))?;
    aws.freeze(file, Duration::try_from_secs_f64(milliseconds / 1e3)?);

    let mut contenders = Vec::new();
    for argument in arguments {
        let (binary, path) = argument.split_once('=').ok_or("a binary is given as NAME=PATH")?;
        let scenarios = scenarios::of(binary, &world);
        if scenarios.is_empty() {
            return Err(format!("what to ask {binary} is not known: add it to scenarios.rs").into());
        }
        contenders.extend(scenarios.into_iter().map(|scenario| Contender {
            path: path.into(),
            row: Row {
                binary: binary.to_owned(),
                note: scenario.note,
                first: Vec::new(),
                warm: Vec::new(),
                peak: Vec::new(),
            },
            scenario,
        }));
    }

    let stage = Stage {
        aws,
        world,
        runtime_api: RuntimeApi::start()?,
        log: PathBuf::from(format!("{}/harness-{}.log", std::env::temp_dir().display(), std::process::id())),
    };
    for _ in 0..rounds {
        for contender in &mut contenders {
            stage.start(contender)?;
        }
    }
    fs::remove_file(&stage.log)?;
    for contender in &contenders {
        writeln!(stdout(), "{}", serde_json::to_string(&contender.row)?)?;
    }
    Ok(())
}

/// What a function meets.
struct Stage {
    aws: Aws,
    world: World,
    runtime_api: RuntimeApi,
    log: PathBuf,
}

impl Stage {
    fn start(&self, contender: &mut Contender) -> Result<(), String> {
        let Contender { path, scenario, row } = contender;
        let (cold, warm) =
            if scenario.slow { (SLOW_COLD_CALLS, SLOW_WARM_CALLS) } else { (COLD_CALLS, WARM_CALLS) };
        self.runtime_api.begin(&scenario.event, cold + warm, scenario.expected);
        let log = File::create(&self.log).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&*path);
        command
            .env("AWS_LAMBDA_RUNTIME_API", &self.runtime_api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", &row.binary)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_ENDPOINT_URL", &self.aws.endpoint)
            .env("IDENTITY_EMAIL_QUEUE_URL", format!("{}/000000000000/identity-email", self.aws.endpoint))
            .env("EMAIL_QUEUE_URL", format!("{}/000000000000/email", self.aws.endpoint))
            .env("OUTBOX_FAILURES_QUEUE_URL", format!("{}/000000000000/failures", self.aws.endpoint))
            .env("SMS_QUEUE_URL", format!("{}/000000000000/sms", self.aws.endpoint))
            .env("SEARCH_QUEUE_URL", format!("{}/000000000000/search", self.aws.endpoint))
            .env("PAYMENTS_QUEUE_URL", format!("{}/000000000000/payments", self.aws.endpoint))
            .env("BOOKINGS_QUEUE_URL", format!("{}/000000000000/bookings", self.aws.endpoint))
            .env("ALERTS_QUEUE_URL", format!("{}/000000000000/alerts", self.aws.endpoint))
            .env("ANALYTICS_QUEUE_URL", format!("{}/000000000000/analytics", self.aws.endpoint))
            .env("ITEM_PK", &self.world.plain_pk)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        if !scenarios::SIGNERS.contains(&row.binary.as_str()) {
            command.env_remove("TOKEN_SIGNING_SECRET_ARN");
        }

        let began = Instant::now();
        let mut process =
            command.spawn().map_err(|error| format!("{} does not start: {error}", path.display()))?;
        let calls = self.runtime_api.finish(|| matches!(process.try_wait(), Ok(None)));
        let peak = peak_memory(&process);
        process.kill().and_then(|()| process.wait()).map_err(|error| error.to_string())?;

        let calls = calls.map_err(|problem| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(5).collect();
            format!("{}: {problem}\n{}", row.binary, end.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })?;
        if let Some((_, answered)) = calls.first() {
            row.first.push(microseconds(answered.duration_since(began)));
        }
        row.warm.extend(
            calls
                .iter()
                .skip(cold)
                .map(|(handed_out, answered)| microseconds(answered.duration_since(*handed_out))),
        );
        row.peak.push(peak.ok_or_else(|| format!("the memory of {} cannot be read", row.binary))?);
        Ok(())
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The high-water mark of resident memory. It is asked of the kernel while the process still lives,
/// because what `wait4` would say includes the harness's own size before `exec`.
fn peak_memory(process: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}
