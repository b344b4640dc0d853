//! Forwarding of the chain to a collector, with real sockets and real TLS: nothing lost, nothing in clear, nothing twice but
//! the last after a kill.

use anyhow::{Context as _, Result, ensure};
use audit::{AuditLog, Event, OsEntropy, Position, PublicKey, StationKey, SystemClock, events};
use e2e::collector::{Authority, Collector, Heard, Message};
use e2e::{Clamd, Ended, Scratch, command, program, prometheus, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

const SESSION: &str = "20261123-200000-abcdef";

/// The chain of a scratch state, held by this test.
fn chain(scratch: &Scratch) -> Result<AuditLog> {
    fs::create_dir_all(scratch.state())?;
    let entropy = Arc::new(OsEntropy::new());
    let key = Arc::new(StationKey::load_or_create(&scratch.state(), entropy.as_ref())?);
    Ok(AuditLog::open(&scratch.state(), "station-of-a-test", key, Arc::new(SystemClock), entropy)?)
}

/// Appends `count` records of a session; gives the number of the last record.
fn append(log: &mut AuditLog, count: u32) -> Result<u64> {
    let event = |number| Event {
        session: Some(SESSION),
        actor: "station",
        event: events::ITEM_WITHHELD,
        payload: json!({ "path": format!("Gehälter/{number}.docx"), "number": number }),
    };
    let batch: Vec<Event<'_>> = (0..count).map(event).collect();
    Ok(log.append(&batch)?.seq)
}

/// A policy for the collector at `address`.
fn policy(scratch: &Scratch, address: SocketAddr, transport: &str, more: &str) -> Result<()> {
    let text =
        format!("[siem]\ncollector = \"{address}\"\ntransport = \"{transport}\"\nstall_seconds = 5\nretry_seconds = 86400\n{more}\n");
    Ok(fs::write(scratch.path("policy.toml"), text)?)
}

fn siem(scratch: &Scratch, what: &str) -> Result<Ended> {
    let policy = scratch.path("policy.toml");
    scratch.schleuse(&["siem".as_ref(), what.as_ref(), "--json".as_ref(), "--policy".as_ref(), policy.as_os_str()])
}

fn cursor(scratch: &Scratch) -> Position {
    siem::taken(&scratch.state())
}

/// The messages are the records from 1 to `last`, in order, each once, and each is an anchor that holds.
fn check_all(scratch: &Scratch, messages: &[Message], last: u64) -> Result<()> {
    let numbers: Vec<u64> = messages.iter().map(|message| message.seq).collect();
    ensure!(numbers == (1..=last).collect::<Vec<_>>(), "{numbers:?}");
    let anchors: Vec<Position> = messages.iter().map(|message| message.position.parse()).collect::<Result<_, _>>()?;
    let key = PublicKey::load(&scratch.state())?;
    audit::verify_against(&scratch.state(), &key, &anchors).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    ensure!(cursor(scratch) == *anchors.last().context("an anchor")?, "{:?}", cursor(scratch));
    Ok(())
}

#[test]
fn every_record_arrives_over_udp_and_tcp() -> Result<()> {
    for (transport, collector) in [("udp", Collector::udp()?), ("tcp", Collector::tcp(None)?)] {
        let scratch = Scratch::new()?;
        let last = append(&mut chain(&scratch)?, 20)?;
        policy(&scratch, collector.address(), transport, "format = \"json\"")?;
        let ended = siem(&scratch, "send")?;
        ensure!(ended.status == 0, "{ended:?}");
        let messages = collector.messages(20)?;
        check_all(&scratch, &messages, last)?;
        // local0, warning.
        ensure!(messages.iter().all(|message| message.priority == 132 && !message.body.contains("docx")), "{messages:?}");
        // Nothing is queued: nothing is sent.
        let again: Value = serde_json::from_str(&siem(&scratch, "send")?.stdout)?;
        ensure!(again["sent"] == 0 && again["queued"] == 0, "{again}");
        let test = siem(&scratch, "test")?;
        ensure!(test.status == 0 && collector.messages(1)?[0].event == "siem-test", "{test:?}");
    }
    Ok(())
}

/// Keys of the policy for TLS.
fn tls_keys(ca: &Path, name: &str, client: Option<&(std::path::PathBuf, std::path::PathBuf)>) -> String {
    let own = client
        .map(|(certificate, key)| format!("client_certificate = \"{}\"\nclient_key = \"{}\"\n", certificate.display(), key.display()));
    format!("ca_file = \"{}\"\nserver_name = \"{name}\"\n{}", ca.display(), own.unwrap_or_default())
}

/// Over TLS `version`: who is not who they must be hears nothing, then the right ones hear everything.
fn check_tls(version: &'static rustls::SupportedProtocolVersion) -> Result<()> {
    let scratch = Scratch::new()?;
    let last = append(&mut chain(&scratch)?, 20)?;
    let (authority, other) = (Authority::new(&scratch.path(""), "own")?, Authority::new(&scratch.path(""), "other")?);
    let (client, stranger) = (authority.issue("station.test")?, other.issue("station.test")?);
    let collector = Collector::tls(authority.server("collector.test", &[version])?)?;
    let (ca, name) = (authority.certificate(), "collector.test");
    let refused = [
        ("another CA", tls_keys(&other.certificate(), name, Some(&client))),
        ("another name", tls_keys(&ca, "elsewhere.test", Some(&client))),
        ("no client certificate", tls_keys(&ca, name, None)),
        ("a client certificate of another CA", tls_keys(&ca, name, Some(&stranger))),
    ];
    for (what, keys) in &refused {
        policy(&scratch, collector.address(), "tls", keys)?;
        let ended = siem(&scratch, "send")?;
        let said: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{what}: {ended:?}"))?;
        ensure!(ended.status == 1 && said["sent"] == 0 && said["queued"] == 20, "{what}: {ended:?}");
        ensure!(said["reason"].as_str().is_some_and(|reason| reason.contains("no TLS")), "{what}: {said}");
        let (messages, _why) = collector.until_closed()?;
        ensure!(messages.is_empty(), "{what}: {messages:?}");
        ensure!(cursor(&scratch) == Position::START, "{what}");
    }
    policy(&scratch, collector.address(), "tls", &tls_keys(&ca, name, Some(&client)))?;
    let ended = siem(&scratch, "send")?;
    ensure!(ended.status == 0, "{ended:?}");
    let (messages, why) = collector.until_closed()?;
    ensure!(why.is_none(), "{why:?}");
    check_all(&scratch, &messages, last)
}

#[test]
fn over_tls_1_3_only_the_right_ones_hear_anything() -> Result<()> {
    check_tls(&rustls::version::TLS13)
}

#[test]
fn over_tls_1_2_only_the_right_ones_hear_anything() -> Result<()> {
    check_tls(&rustls::version::TLS12)
}

#[test]
fn a_collector_that_speaks_no_tls_hears_nothing_in_clear() -> Result<()> {
    let scratch = Scratch::new()?;
    append(&mut chain(&scratch)?, 3)?;
    let authority = Authority::new(&scratch.path(""), "own")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let keys = tls_keys(&authority.certificate(), "collector.test", None);
    policy(&scratch, listener.local_addr()?, "tls", &keys)?;
    let plain = std::thread::spawn(move || -> Result<Vec<u8>> {
        use std::io::{Read as _, Write as _};
        let (mut stream, _from) = listener.accept()?;
        stream.write_all(b"200 go on, in clear\r\n")?;
        let mut said = Vec::new();
        // It may end with a reset.
        let _ = stream.read_to_end(&mut said);
        Ok(said)
    });
    let ended = siem(&scratch, "send")?;
    ensure!(ended.status == 1 && cursor(&scratch) == Position::START, "{ended:?}");
    let said = plain.join().map_err(|_| anyhow::anyhow!("the listener"))??;
    // A TLS handshake record, and not a word of a message.
    ensure!(said.first() == Some(&0x16) && !said.windows(8).any(|part| part == b"schleuse"), "{}", said.escape_ascii());
    Ok(())
}

#[test]
fn what_came_while_the_collector_was_away_arrives_once_and_in_order() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut log = chain(&scratch)?;
    append(&mut log, 10)?;
    let first = Collector::tcp(None)?;
    let address = first.address();
    policy(&scratch, address, "tcp", "")?;
    let policy = e2e::settings(&fs::read_to_string(scratch.path("policy.toml"))?)?.policy.siem;
    let forwarding = siem::start(&scratch.state(), &policy)?.context("a collector is named")?;
    let mut messages = first.messages(10)?;
    // A collector that goes away before the last record counts as taken is sent that one again.
    while siem::taken(&scratch.state()).seq < 10 {
        std::thread::yield_now();
    }
    drop(first);
    let last = append(&mut log, 1_000)?;
    let second = Collector::tcp(Some(address))?;
    forwarding.look();
    messages.extend(second.messages(usize::try_from(last)? - 10)?);
    drop(forwarding);
    let (rest, _why) = second.until_closed()?;
    ensure!(rest.is_empty() && second.is_silent(), "{rest:?}");
    check_all(&scratch, &messages, last)
}

#[test]
fn after_kills_everything_arrives_and_at_most_the_last_comes_twice() -> Result<()> {
    let scratch = Scratch::new()?;
    let last = append(&mut chain(&scratch)?, 900)?;
    let collector = Collector::tcp(None)?;
    policy(&scratch, collector.address(), "tcp", "")?;
    let (mut messages, mut kills) = (Vec::<Message>::new(), 0_u64);
    loop {
        let mut command = command(program("schleuse")?);
        command.args(["siem", "send", "--policy"]).arg(scratch.path("policy.toml")).arg("--state").arg(scratch.state());
        let mut sender = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let before = messages.len();
        let mut struck = false;
        while let Heard::Message(bytes) = collector.next()? {
            messages.push(Message::read(&bytes)?);
            if !struck && messages.len() >= before + 150 {
                kill_process(Pid::from_child(&sender), Signal::KILL)?;
                struck = true;
            }
        }
        if sender.wait()?.success() {
            break;
        }
        kills += 1;
    }
    let twice = messages.windows(2).filter(|pair| pair[0].seq == pair[1].seq).count() as u64;
    messages.dedup_by_key(|message| message.seq);
    println!("{kills} kills, {twice} twice");
    ensure!(kills > 0 && twice <= kills, "{kills} kills, {twice} twice");
    check_all(&scratch, &messages, last)
}

#[test]
fn hostile_text_in_a_payload_stays_inside_its_message() -> Result<()> {
    let collector = Collector::tcp(None)?;
    let hostile = "a\n<13>1 - - - - - - x\r\0\u{7f}\u{85}\u{202e}|c=d]e\"f\\g 😀";
    for (format, path) in
        [("json", hostile.to_owned()), ("cef", hostile.to_owned()), ("json", "\u{1b}]".repeat(60_000)), ("cef", "=|".repeat(350_000))]
    {
        let scratch = Scratch::new()?;
        let mut log = chain(&scratch)?;
        let payload = json!({ "path": path });
        log.append(&[Event { session: Some(SESSION), actor: "station", event: events::ITEM_WITHHELD, payload: payload.clone() }])?;
        policy(&scratch, collector.address(), "tcp", &format!("payload = true\nformat = \"{format}\""))?;
        let ended = siem(&scratch, "send")?;
        ensure!(ended.status == 0, "{ended:?}");
        let (messages, _why) = collector.until_closed()?;
        let [message] = messages.as_slice() else { anyhow::bail!("{messages:?}") };
        ensure!(message.bytes <= siem::MAX_MESSAGE_BYTES && message.seq == 1);
        if format == "json" {
            let body: Value = serde_json::from_str(&message.body)?;
            let whole = body["payload"] == payload;
            ensure!(whole != (body["payload_cut"] == true) && whole == (path == hostile), "{body}");
        } else {
            ensure!(message.body.splitn(8, '|').count() == 8 && message.body.contains(" msg="), "{}", message.body);
        }
    }
    Ok(())
}

#[test]
fn an_erased_session_goes_out_without_its_payload() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut log = chain(&scratch)?;
    append(&mut log, 5)?;
    let last = log.erase_session(SESSION, "reviewer-1", "request of the person")?.seq;
    let collector = Collector::tcp(None)?;
    policy(&scratch, collector.address(), "tcp", "payload = true\nformat = \"json\"")?;
    let ended = siem(&scratch, "send")?;
    ensure!(ended.status == 0, "{ended:?}");
    let (messages, _why) = collector.until_closed()?;
    check_all(&scratch, &messages, last)?;
    for message in messages.iter().filter(|message| message.event == events::ITEM_WITHHELD) {
        let body: Value = serde_json::from_str(&message.body)?;
        ensure!(body["payload"].is_null() && body["payload_state"] == "erased" && !message.body.contains("docx"), "{body}");
    }
    Ok(())
}

#[test]
fn an_older_chain_that_was_put_back_is_not_forwarded_over() -> Result<()> {
    let scratch = Scratch::new()?;
    append(&mut chain(&scratch)?, 5)?;
    let copy = |from: &Path, to: &Path| run(command("cp").arg("-a").arg("-T").arg(from).arg(to));
    let (audit, older) = (scratch.state().join("audit"), scratch.path("older"));
    copy(&audit, &older)?;
    append(&mut chain(&scratch)?, 5)?;
    let collector = Collector::tcp(None)?;
    policy(&scratch, collector.address(), "tcp", "")?;
    ensure!(siem(&scratch, "send")?.status == 0);
    let (messages, _why) = collector.until_closed()?;
    let taken = cursor(&scratch);
    fs::remove_dir_all(&audit)?;
    copy(&older, &audit)?;
    // Cut off, and then grown over with other records.
    for _ in 0..2 {
        let ended = siem(&scratch, "send")?;
        ensure!(ended.status == 1 && ended.stdout.contains(&messages.last().context("a message")?.position), "{ended:?}");
        append(&mut chain(&scratch)?, 20)?;
    }
    ensure!(cursor(&scratch) == taken && collector.is_silent());
    Ok(())
}

#[test]
fn only_one_program_of_a_station_forwards() -> Result<()> {
    let scratch = Scratch::new()?;
    let last = append(&mut chain(&scratch)?, 5)?;
    let collector = Collector::tcp(None)?;
    policy(&scratch, collector.address(), "tcp", "")?;
    let policy = e2e::settings(&fs::read_to_string(scratch.path("policy.toml"))?)?.policy.siem;
    let forwarding = siem::start(&scratch.state(), &policy)?.context("a collector is named")?;
    let messages = collector.messages(5)?;
    let ended = siem(&scratch, "send")?;
    ensure!(ended.status == 1 && ended.stdout.contains("another program"), "{ended:?}");
    drop(forwarding);
    ensure!(siem(&scratch, "send")?.status == 0);
    check_all(&scratch, &messages, last)
}

#[test]
fn a_session_is_forwarded_while_it_runs_and_counted() -> Result<()> {
    let (clamd, scratch, collector) = (Clamd::start()?, Scratch::new()?, Collector::tcp(None)?);
    policy(&scratch, collector.address(), "tcp", "")?;
    let mut process = scratch.process(&scratch.one_text_file("medium")?, &clamd.address())?;
    let ended = run(process.arg("--policy").arg(scratch.path("policy.toml")))?;
    ensure!(ended.status == 0, "{ended:?}");
    let (messages, _why) = collector.until_closed()?;
    let last = messages.last().context("a message")?.seq;
    check_all(&scratch, &messages, last)?;
    ensure!(messages.iter().any(|message| message.event == events::SESSION_CLOSED), "{messages:?}");
    let printed = scratch.schleuse(&["metrics"])?;
    let samples = prometheus::read(&printed.stdout)?;
    for (name, expected) in [
        ("schleuse_sessions_total{end=\"reconciled\"}", 1.0),
        ("schleuse_sessions_total{end=\"fault\"}", 0.0),
        ("schleuse_items_total{disposition=\"released\",class=\"\"}", 1.0),
        ("schleuse_items_total{disposition=\"withheld\",class=\"malicious\"}", 0.0),
        ("schleuse_stage_duration_seconds_count{stage=\"identify\"}", 1.0),
        ("schleuse_stage_duration_seconds_count{stage=\"verify\"}", 1.0),
        ("schleuse_stage_duration_seconds_count{stage=\"release\"}", 1.0),
        ("schleuse_queue_depth{queue=\"sessions\"}", 0.0),
        ("schleuse_siem_failures_total", 0.0),
    ] {
        ensure!(samples.get(name) == Some(&expected), "{name}: {samples:#?}");
    }
    ensure!(samples.get("schleuse_engine_signatures_timestamp_seconds{engine=\"clamav\"}").is_some_and(|date| *date > 1.7e9));
    Ok(())
}
