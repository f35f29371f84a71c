//! Mail servers with one odd habit, as real ones and their gateways have them, inside the test's process and without
//! TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders};
use pragati::config::MailConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long a server reads on after it said no within the content, since closing at once could lose its answer on the
/// way.
const READS_ON: Duration = Duration::from_millis(300);

/// Where an odd answer is given instead of the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Before the first word.
    Greeting,
    Ehlo,
    SecondEhlo,
    /// MAIL FROM with `SIZE=`.
    SizeParameter,
    /// MAIL FROM with a size above the limit.
    TooLargeSender,
    Sender,
    /// RCPT TO.
    Recipient,
    /// RCPT TO of a mail whose size is above the limit.
    TooLargeRecipient,
    /// RCPT TO, where EHLO named no fully qualified host and no address in brackets.
    UnqualifiedRecipient,
    /// RSET, on a connection that waited.
    Anew,
    /// While a content above the limit is still written; the connection is closed.
    WithinContent,
    /// After a content above the limit.
    TooLargeContent,
    /// After any content, which is not taken.
    Content,
    /// After any content, which is taken.
    Taken,
}

/// An answer that does not come.
pub const SILENCE: &[u8] = b"";
/// No answer: the connection is closed.
pub const HANG_UP: &[u8] = b"(hangs up)";
/// Longer than anybody waits for one.
const FOR_EVER: Duration = Duration::from_secs(600);

/// What a server does.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// Capabilities that it announces in EHLO.
    pub ehlo: &'static [&'static str],
    /// Bytes of a content.
    pub limit: usize,
    pub odd: &'static [(At, &'static [u8])],
    /// Odd answers that it gives before an operator mends it.
    pub times: usize,
    /// It closes the connection after one.
    pub closes: bool,
    /// The time that it takes to take a mail.
    pub takes: Duration,
}

impl Habit {
    /// A server without oddity.
    pub const NONE: Self = Self {
        ehlo: &["8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 52428800"],
        limit: usize::MAX,
        odd: &[],
        times: usize::MAX,
        closes: false,
        takes: Duration::ZERO,
    };
}

/// A server; it ends with this value.
pub struct OddServer {
    address: SocketAddr,
    state: Arc<State>,
    running: JoinHandle<()>,
}

struct State {
    /// One is drawn for each session, and for each mail.
    habits: Mutex<(Vec<Habit>, StdRng)>,
    odd_left: Mutex<usize>,
    said: Mutex<Vec<String>>,
    mails: Mutex<Vec<Vec<u8>>>,
}

impl OddServer {
    pub async fn start(habit: Habit) -> Self {
        Self::start_drawing(vec![habit], habit.times).await
    }

    /// A server that draws one of these habits for each session and each mail, and gives `times` odd answers.
    pub async fn start_drawing(habits: Vec<Habit>, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            habits: Mutex::new((habits, StdRng::seed_from_u64(7))),
            odd_left: Mutex::new(times),
            said: Mutex::default(),
            mails: Mutex::default(),
        });
        let running = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            running,
        }
    }

    /// Nobody can connect from now on; sessions go on.
    pub async fn close(&mut self) {
        self.running.abort();
        let _ = (&mut self.running).await;
    }

    /// After [`Self::close`]: on the same port, with these habits.
    pub async fn open_again(&mut self, habits: Vec<Habit>) {
        self.set_habits(habits);
        let listener = TcpListener::bind(self.address).await.expect("its port");
        self.running = tokio::spawn(accept(listener, Arc::clone(&self.state)));
    }

    pub fn set_habits(&self, habits: Vec<Habit>) {
        self.state.habits.lock().expect("no panic").0 = habits;
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Settings with which mails reach it.
    pub fn config(&self) -> MailConfig {
        MailConfig {
            server: Some(format!("smtp+plain://{}", self.address)),
            from: Some("reports@pragati.example".to_owned()),
            timeout_seconds: 10,
            ..MailConfig::default()
        }
    }

    /// It gives `times` odd answers from now on.
    pub fn is_odd_again(&self, times: usize) {
        *self.state.odd_left.lock().expect("no panic") = times;
    }

    /// How often a command that begins so was said.
    pub fn heard(&self, begin: &str) -> usize {
        let said = self.state.said.lock().expect("no panic");
        said.iter().filter(|line| line.starts_with(begin)).count()
    }

    /// What each mail that it took brings: the extension of its attachment, or `link`.
    pub fn brought(&self) -> Vec<String> {
        let mails = self.state.mails.lock().expect("no panic");
        mails.iter().map(|raw| brings(raw)).collect()
    }

    /// The mails that it took, oldest first, and forgets them.
    pub fn taken(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.state.mails.lock().expect("no panic"))
    }

    /// Whether there are mails to be taken from it.
    pub fn has_mail(&self) -> bool {
        !self.state.mails.lock().expect("no panic").is_empty()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A client that goes away ends its session.
            let _ = session(stream, &state).await;
        });
    }
}

impl Drop for OddServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// What a mail brings: the extension of its attachment, or `link`.
pub fn brings(raw: &[u8]) -> String {
    let mail = MessageParser::default().parse(raw).expect("a mail");
    match mail.attachment(0).and_then(|part| part.attachment_name()) {
        Some(name) => name.rsplit('.').next().expect("an extension").to_owned(),
        None => "link".to_owned(),
    }
}

impl State {
    fn draw(&self) -> Habit {
        let mut habits = self.habits.lock().expect("no panic");
        let (all, draws) = &mut *habits;
        *all.choose(draws).expect("a habit")
    }

    /// The odd answer of a habit at this point, while there are some left.
    fn odd(&self, habit: &Habit, at: At) -> Option<&'static [u8]> {
        let (_, answer) = habit.odd.iter().find(|(point, _)| *point == at)?;
        let mut left = self.odd_left.lock().expect("no panic");
        *left = left.checked_sub(1)?;
        Some(*answer)
    }
}

/// One client's session.
struct Session<'a> {
    client: BufReader<TcpStream>,
    state: &'a State,
    habit: Habit,
    ehlos: usize,
    hello: String,
    size: usize,
}

async fn session(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut session = Session {
        client: BufReader::new(stream),
        state,
        habit: state.draw(),
        ehlos: 0,
        hello: String::new(),
        size: 0,
    };
    if session.is_odd(&[At::Greeting]).await? {
        return Ok(());
    }
    session.say(b"220 odd.example ESMTP").await?;
    loop {
        let mut line = String::new();
        if session.client.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        state.said.lock().expect("no panic").push(line.clone());
        if !session.answer(&line).await? {
            return Ok(());
        }
    }
}

impl Session<'_> {
    async fn say(&mut self, answer: &[u8]) -> std::io::Result<()> {
        self.client.write_all(answer).await?;
        self.client.write_all(b"\r\n").await
    }

    /// Gives the first odd answer of these points; whether there was one.
    async fn is_odd(&mut self, points: &[At]) -> std::io::Result<bool> {
        let Some(answer) = points.iter().find_map(|point| self.state.odd(&self.habit, *point)) else {
            return Ok(false);
        };
        if answer == SILENCE {
            tokio::time::sleep(FOR_EVER).await;
        }
        if answer == HANG_UP {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        self.say(answer).await?;
        if self.habit.closes {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Ok(true)
    }

    /// Answers a command; false where the session ends.
    async fn answer(&mut self, line: &str) -> std::io::Result<bool> {
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                self.ehlos += 1;
                self.hello = line[5..].to_owned();
                let points: &[At] = if self.ehlos > 1 { &[At::SecondEhlo] } else { &[At::Ehlo] };
                if !self.is_odd(points).await? {
                    self.say_abilities().await?;
                }
            }
            "HELO" => self.say(b"250 odd.example").await?,
            "MAIL" => {
                self.habit = self.state.draw();
                let size = line.split_once("SIZE=").and_then(|(_, size)| size.parse().ok());
                self.size = size.unwrap_or(0);
                let mut points = Vec::from_iter(size.map(|_| At::SizeParameter));
                if self.size > self.habit.limit {
                    points.push(At::TooLargeSender);
                }
                points.push(At::Sender);
                if !self.is_odd(&points).await? {
                    self.say(b"250 2.1.0 Ok").await?;
                }
            }
            "RCPT" => {
                let mut points = Vec::new();
                if !self.hello.contains('.') && !self.hello.starts_with('[') {
                    points.push(At::UnqualifiedRecipient);
                }
                if self.size > self.habit.limit {
                    points.push(At::TooLargeRecipient);
                }
                points.push(At::Recipient);
                if !self.is_odd(&points).await? {
                    self.say(b"250 2.1.5 Ok").await?;
                }
            }
            "DATA" => return self.take_content().await,
            "QUIT" => {
                self.say(b"221 2.0.0 Bye").await?;
                return Ok(false);
            }
            "RSET" => {
                if !self.is_odd(&[At::Anew]).await? {
                    self.say(b"250 2.0.0 Ok").await?;
                }
            }
            "NOOP" => self.say(b"250 2.0.0 Ok").await?,
            _ => self.say(b"500 5.5.1 Unknown command").await?,
        }
        Ok(true)
    }

    async fn say_abilities(&mut self) -> std::io::Result<()> {
        let ehlo = self.habit.ehlo;
        let names: Vec<&str> = std::iter::once("odd.example").chain(ehlo.iter().copied()).collect();
        for (number, name) in names.iter().enumerate() {
            let mark = if number + 1 < names.len() { '-' } else { ' ' };
            self.say(format!("250{mark}{name}").as_bytes()).await?;
        }
        Ok(())
    }

    async fn take_content(&mut self) -> std::io::Result<bool> {
        self.say(b"354 go on").await?;
        let mut content = Vec::new();
        while !content.ends_with(b"\r\n.\r\n") {
            let some = self.client.fill_buf().await?;
            if some.is_empty() {
                return Ok(false);
            }
            let length = some.len();
            content.extend_from_slice(some);
            self.client.consume(length);
            if content.len() > self.habit.limit && self.is_odd(&[At::WithinContent]).await? {
                self.read_on().await;
                return Ok(false);
            }
        }
        if content.len() > self.habit.limit && self.is_odd(&[At::TooLargeContent]).await? {
            return Ok(true);
        }
        tokio::time::sleep(self.habit.takes).await;
        if self.is_odd(&[At::Content]).await? {
            return Ok(true);
        }
        content.truncate(content.len() - b".\r\n".len());
        self.state.mails.lock().expect("no panic").push(content);
        if !self.is_odd(&[At::Taken]).await? {
            self.say(b"250 2.0.0 Ok: queued").await?;
        }
        Ok(true)
    }

    async fn read_on(&mut self) {
        let reading = async {
            while let Ok(some) = self.client.fill_buf().await {
                let length = some.len();
                if length == 0 {
                    return;
                }
                self.client.consume(length);
            }
        };
        let _ = tokio::time::timeout(READS_ON, reading).await;
    }
}
