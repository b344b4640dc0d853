//! The supervisor's side: what each lie becomes.

use e2e::lies::HONEST;
use model::Format;
use model::item::Acceptance;
use model::policy::Policy;
use pipeline::workers::{
    InspectorPool, Member, MemberContent, PageIn, Rendered, Spent, Trouble, office_to_pdf, pack_sample, rebuild_text, render, verify,
};
use spool::{Spool, SpoolFile};
use std::path::PathBuf;
use std::sync::Arc;
use wire::{EntryKind, Failure, RenderLimits, Request, RuleSource, UnpackLimits, VerifyKind};

pub const TESTS: &[(&str, fn())] = &[
    ("every_role_survives_lies_below_the_messages", every_role_survives_lies_below_the_messages),
    ("a_renderer_lies_about_pages", a_renderer_lies_about_pages),
    ("text_loses_what_deceives", text_loses_what_deceives),
    ("a_document_of_endless_text_ends_with_the_time", a_document_of_endless_text_ends_with_the_time),
    ("an_inspector_lies_about_members", an_inspector_lies_about_members),
    ("an_inspector_that_lied_is_not_used_again", an_inspector_that_lied_is_not_used_again),
    ("an_answer_too_many_is_not_the_next_items", an_answer_too_many_is_not_the_next_items),
    ("rules_that_do_not_compile_are_the_stations_trouble", rules_that_do_not_compile_are_the_stations_trouble),
    ("a_sample_is_measured", a_sample_is_measured),
    ("output_beyond_its_limit_is_not_kept", output_beyond_its_limit_is_not_kept),
];

const UNPACK: UnpackLimits = UnpackLimits { max_members: 50, max_expanded_bytes: 1 << 20, max_ratio: 100, max_member_bytes: 200_000 };

struct Bench {
    program: PathBuf,
    policy: Policy,
    spool: Spool,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut policy = Policy::default();
        policy.worker.silent_seconds = 1;
        policy.worker.wall_seconds = 20;
        policy.convert.max_pages = 100;
        policy.convert.max_output_bytes = 1 << 20;
        let spool = Spool::create(dir.path(), "session", u64::MAX).unwrap();
        Self { program: std::env::current_exe().unwrap(), policy, spool, _dir: dir }
    }

    fn item(&self, lie: &str) -> SpoolFile {
        self.spool.put(lie.as_bytes()).unwrap()
    }

    fn render(&self, lie: &str) -> Result<(Rendered, Vec<PageIn>), Trouble> {
        let limits = RenderLimits { dpi: 150, max_pages: 100, max_page_pixels: 1_000, max_page_text: 1_000 };
        let mut pages = Vec::new();
        let keep = |_, _, page| {
            pages.push(page);
            Ok(())
        };
        let rendered = render(&self.program, &self.policy, &self.item(lie), &Request::RenderPdf { limits, password: None }, keep)?;
        Ok((rendered, pages))
    }

    fn pool(&self) -> InspectorPool {
        InspectorPool::new(self.program.clone(), Arc::default(), &self.policy)
    }

    fn inspect(&self, pool: &InspectorPool, lie: &str) -> Result<Format, Trouble> {
        let item = self.item(lie);
        pool.with(item.size_bytes, |inspector| inspector.inspect(&item, "txt", 10)).map(|inspected| inspected.format)
    }

    fn unpack(&self, pool: &InspectorPool, lie: &str) -> Result<Vec<Member>, Trouble> {
        let item = self.item(lie);
        let spent = Spent::default();
        pool.with(item.size_bytes, |inspector| inspector.unpack(&item, Format::Zip, b"inner".to_vec(), None, &UNPACK, &self.spool, &spent))
    }

    fn strip(&self, pool: &InspectorPool, lie: &str) -> Result<SpoolFile, Trouble> {
        let item = self.item(lie);
        pool.with(item.size_bytes, |inspector| inspector.strip(&item, Format::Docx, 1 << 20, &self.spool)).map(|(file, _)| file)
    }

    fn office(&self, lie: &str) -> Result<SpoolFile, Trouble> {
        office_to_pdf(&self.program, &self.policy, &self.item(lie), Format::Docx, "filter", &self.spool)
    }

    fn rebuild(&self, lie: &str) -> Result<SpoolFile, Trouble> {
        rebuild_text(&self.program, &self.policy, &self.item(lie), Format::Txt, &self.spool).map(|(file, ..)| file)
    }

    fn verify(&self, lie: &str) -> Result<Acceptance, Trouble> {
        self.verify_pages(lie, None)
    }

    fn verify_pages(&self, lie: &str, pages: Option<u32>) -> Result<Acceptance, Trouble> {
        verify(&self.program, &self.policy, &self.item(lie), VerifyKind::Pdf, pages).map(|verdict| verdict.unwrap())
    }
}

/// The trouble in a form that can be compared.
fn shown<T: std::fmt::Debug>(outcome: Result<T, Trouble>) -> String {
    match outcome {
        Ok(value) => format!("accepted: {value:?}"),
        Err(Trouble::Failed(failure, number)) => format!("failed {failure:?} {number}"),
        Err(Trouble::Died(exit)) => format!("died: {exit}"),
        Err(Trouble::TimedOut(key, seconds)) => format!("timed out: {key} = {seconds}"),
        Err(Trouble::Reached(key, number)) => format!("reached {key} = {number}"),
        Err(Trouble::Protocol(what)) => format!("protocol: {what}"),
        Err(Trouble::Station(fault)) => format!("station: {fault:?}"),
    }
}

fn every_role_survives_lies_below_the_messages() {
    let mut bench = Bench::new();
    // The office role's own patience is fifteen seconds longer than this.
    bench.policy.worker.office_wall_seconds = 1;
    let lies = [
        ("exit 0", "died: exit code 0"),
        ("exit 7", "died: exit code 7"),
        ("abort", "died: signal 6 (SIGABRT)"),
        ("socket", "died: signal 31 (SIGSYS), system call 41 (socket)"),
        ("version", "protocol: frame"),
        ("kind", "protocol: frame"),
        ("length", "protocol: frame"),
        ("one byte too long", "protocol: frame"),
        ("no bytes", "protocol: frame"),
        ("garbage", "protocol: frame"),
        ("trailing", "protocol: frame"),
        ("job before", "protocol: frame"),
        ("job after", "protocol: frame"),
        ("half a frame", "died: exit code 0"),
        ("failure", "failed Encrypted 18446744073709551615"),
    ];
    let pool = bench.pool();
    for (lie, wanted) in lies {
        assert_eq!(shown(bench.render(lie)), wanted, "render: {lie}");
        assert_eq!(shown(bench.inspect(&pool, lie)), wanted, "inspect: {lie}");
        assert_eq!(shown(bench.unpack(&pool, lie)), wanted, "unpack: {lie}");
        assert_eq!(shown(bench.strip(&pool, lie)), wanted, "strip: {lie}");
        assert_eq!(shown(bench.rebuild(lie)), wanted, "rebuild: {lie}");
        let office = if lie == "socket" { "died: exit code 9" } else { wanted };
        assert_eq!(shown(bench.office(lie)), office, "office: {lie}");
        assert_eq!(shown(bench.verify(lie)), wanted, "verify: {lie}");
        // The next item is nobody's trouble.
        assert_eq!(bench.inspect(&pool, HONEST).unwrap(), Format::Txt, "after {lie}");
        assert!(bench.verify(HONEST).is_ok(), "after {lie}");
    }
    for lie in ["another answer", "bytes for an answer"] {
        assert!(matches!(bench.render(lie), Err(Trouble::Protocol(_))), "render: {lie}");
        assert!(matches!(bench.inspect(&pool, lie), Err(Trouble::Protocol(_))), "inspect: {lie}");
        assert!(matches!(bench.unpack(&pool, lie), Err(Trouble::Protocol(_))), "unpack: {lie}");
        assert!(matches!(bench.strip(&pool, lie), Err(Trouble::Protocol(_))), "strip: {lie}");
        assert!(matches!(bench.rebuild(lie), Err(Trouble::Protocol(_))), "rebuild: {lie}");
        assert!(matches!(bench.office(lie), Err(Trouble::Protocol(_))), "office: {lie}");
        assert!(matches!(bench.verify(lie), Err(Trouble::Protocol(_))), "verify: {lie}");
    }
    assert_eq!(shown(bench.render("silence")), "timed out: worker.silent_seconds = 1");
    assert_eq!(shown(bench.inspect(&pool, "silence")), "timed out: worker.silent_seconds = 1");
    assert_eq!(shown(bench.verify("silence")), "timed out: worker.silent_seconds = 1");
    assert_eq!(shown(bench.verify("hang up and stay")), "protocol: hung up without ending");
    assert_eq!(bench.rebuild(HONEST).unwrap().size_bytes, 7);
    assert_eq!(bench.office(HONEST).unwrap().size_bytes, 7);
    assert_eq!(bench.strip(&pool, HONEST).unwrap().size_bytes, 8);
}

fn a_renderer_lies_about_pages() {
    let bench = Bench::new();
    for (lie, wanted) in [
        ("no pages", "failed Malformed 0"),
        ("2^32-1 pages", "failed LimitPages 100"),
        ("one page too many", "failed LimitPages 100"),
        ("a page less", "protocol: page"),
        ("a page more", "protocol: end of document"),
        ("page of NaN", "protocol: page size"),
        ("page of infinity", "protocol: page size"),
        ("page of nothing", "protocol: page size"),
        ("failed page of NaN", "protocol: page size"),
        ("0 x 0", "protocol: pixel size"),
        ("65535 x 65535", "protocol: pixel size"),
        ("2^32-1 x 2^32-1", "protocol: pixel size"),
        ("no pixels", "protocol: too few pixels"),
        ("too few pixels", "protocol: too few pixels"),
        ("too many pixels", "protocol: too many pixels"),
        ("text at NaN", "protocol: text box"),
        ("text at infinity", "protocol: text box"),
        ("text far away", "protocol: text box"),
        ("bytes after the text", "protocol: bytes after pixels"),
        ("1,001 findings", "protocol: page text"),
        ("endless bytes", "protocol: document"),
    ] {
        assert_eq!(shown(bench.render(lie)), wanted, "{lie}");
        assert_eq!(bench.render(HONEST).unwrap().0.pages, 1, "after {lie}");
    }
    // The honest verifier counts one page.
    assert!(bench.verify_pages(HONEST, Some(1)).is_ok());
    assert_eq!(shown(bench.verify_pages(HONEST, Some(2))), "protocol: number of pages accepted");
    let (_, pages) = bench.render("failed page").unwrap();
    assert!(matches!(pages[..], [PageIn::Failed { failure: Failure::Malformed, .. }]));
}

fn text_loses_what_deceives() {
    let (_, pages) = Bench::new().render("text with controls").unwrap();
    let [PageIn::Pixels { pixels, text, .. }] = &pages[..] else { panic!("{pages:?}") };
    assert_eq!(pixels, &[7; 12]);
    assert_eq!(text[0].text, "a[2Jbß");
    assert!(text[0].width_pt >= 0.0 && text[0].size_pt >= 0.1);
}

fn a_document_of_endless_text_ends_with_the_time() {
    let mut bench = Bench::new();
    bench.policy.worker.wall_seconds = 2;
    assert_eq!(shown(bench.render("endless text")), "timed out: worker.wall_seconds = 2");
    assert_eq!(bench.render(HONEST).unwrap().0.pages, 1);
}

fn an_inspector_lies_about_members() {
    let bench = Bench::new();
    let pool = bench.pool();
    for (lie, wanted) in [
        ("no path", "protocol: member path"),
        ("deep path", "protocol: member path"),
        ("endless members", "failed LimitMembers 50"),
        ("many large members", "failed LimitExpanded 1048576"),
        ("member without an end", "protocol: member end"),
        ("bytes of nobody", "protocol: member"),
        ("member failure", "failed LimitRatio 100"),
    ] {
        assert_eq!(shown(bench.unpack(&pool, lie)), wanted, "{lie}");
        assert_eq!(bench.unpack(&pool, HONEST).unwrap().len(), 1, "after {lie}");
    }
    // Which of its limits is named is the supervisor's matter; that it is one, and its number, is this test's.
    assert!(matches!(bench.unpack(&pool, "endless member"), Err(Trouble::Failed(_, 200_000))));
    let members = bench.unpack(&pool, HONEST).unwrap();
    assert_eq!(members[0].kind, EntryKind::File);
    assert_eq!(members[0].path.iter().map(|part| part.escaped()).collect::<Vec<_>>(), ["..", "a/b"]);
    assert!(matches!(&members[0].content, MemberContent::Spooled(file) if file.size_bytes == 7));
}

fn an_inspector_that_lied_is_not_used_again() {
    let bench = Bench::new();
    let pool = bench.pool();
    for lie in ["endless members", "many large members", "endless member", "member failure", "bytes for an answer", "endless bytes"] {
        // What it still says about this item would be the answer to the next.
        bench.unpack(&pool, lie).unwrap_err();
        assert_eq!(bench.inspect(&pool, HONEST).unwrap(), Format::Txt, "after {lie}");
        bench.strip(&pool, "endless bytes").unwrap_err();
        assert_eq!(bench.inspect(&pool, HONEST).unwrap(), Format::Txt, "after {lie}");
    }
}

fn an_answer_too_many_is_not_the_next_items() {
    let bench = Bench::new();
    let pool = bench.pool();
    assert_eq!(bench.inspect(&pool, "answers twice").unwrap(), Format::Txt);
    // The second answer said PDF; the next item has a fresh worker, and its own answer.
    assert_eq!(bench.inspect(&pool, HONEST).unwrap(), Format::Txt);
    assert_eq!(bench.inspect(&pool, HONEST).unwrap(), Format::Txt);
}

fn rules_that_do_not_compile_are_the_stations_trouble() {
    let bench = Bench::new();
    let rules = vec![RuleSource { name: "broken".into(), text: String::new() }];
    let pool = InspectorPool::new(bench.program.clone(), Arc::new(rules), &bench.policy);
    assert!(matches!(bench.inspect(&pool, HONEST), Err(Trouble::Station(pipeline::StationFault::Rules { file })) if file == "broken"));
}

fn output_beyond_its_limit_is_not_kept() {
    let bench = Bench::new();
    let pool = bench.pool();
    assert_eq!(shown(bench.strip(&pool, "endless bytes")), "failed LimitOutput 1048576");
    assert_eq!(shown(bench.rebuild("endless bytes")), "failed LimitOutput 1048576");
    assert_eq!(shown(bench.office("endless bytes")), "failed LimitOutput 1048576");
    assert_eq!(shown(bench.verify("endless bytes")), "protocol: answer to verify");
    assert_eq!(bench.rebuild(HONEST).unwrap().size_bytes, 7);
}

fn a_sample_is_measured() {
    let bench = Bench::new();
    let pack = |lie: &str, name: &str| {
        let mut packed = Vec::new();
        pack_sample(&bench.program, &bench.policy, &bench.item(lie), name, b"{}", &mut packed).map(|()| packed.len())
    };
    for (lie, wanted) in [
        ("another beginning", "protocol: beginning of a sample"),
        ("sample too short", "protocol: answer to pack"),
        ("sample too long", "protocol: length of a sample"),
        ("another answer", "protocol: answer to pack"),
    ] {
        assert_eq!(shown(pack(lie, "aa.sample")), wanted, "{lie}");
    }
    assert_eq!(pack(HONEST, "aa.sample").unwrap(), HONEST.len() + 2);
    for name in ["", "../aa", ".aa", "aa/b"] {
        assert_eq!(shown(pack(HONEST, name)), "protocol: name of a sample");
    }
}
