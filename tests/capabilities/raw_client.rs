//! A client that speaks PostgreSQL's protocol byte by byte, for what well-behaved drivers never do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const PROTOCOL_3_0: u32 = 3 << 16;

pub struct RawClient(TcpStream);

/// A message of the server: its type, and its content.
pub type Message = (char, Vec<u8>);

impl RawClient {
    /// Connects as somebody to a database, and says nothing more.
    pub fn start(address: SocketAddr, user: &str, database: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut client = Self(stream);
        let parameters = format!("user\0{user}\0database\0{database}\0\0");
        let content = [&PROTOCOL_3_0.to_be_bytes(), parameters.as_bytes()].concat();
        client.write(None, &content);
        client
    }

    /// Connects to an endpoint that lets everybody in.
    pub fn by_name(address: SocketAddr) -> Self {
        let mut client = Self::start(address, "asha", "pragati");
        client.until_ready();
        client
    }

    pub fn send(&mut self, kind: char, content: &[u8]) {
        self.write(Some(u8::try_from(kind).expect("ASCII")), content);
    }

    /// A message that says it has `length` bytes, and its first bytes.
    pub fn begin(&mut self, kind: char, length: u32, first_bytes: usize) {
        let mut bytes = vec![u8::try_from(kind).expect("ASCII")];
        bytes.extend(length.to_be_bytes());
        bytes.resize(bytes.len() + first_bytes, b'x');
        // The server may have closed the connection by now.
        let _ = self.0.write_all(&bytes);
    }

    /// Prepares a statement, binds it to a portal of that name, and takes `rows` of its rows.
    pub fn execute(&mut self, sql: &str, portal: &str, rows: u32) {
        self.send('P', format!("\0{sql}\0\0\0").as_bytes());
        self.send('B', format!("{portal}\0\0\0\0\0\0\0\0").as_bytes());
        self.send('E', &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat());
    }

    /// Takes more rows of a portal.
    pub fn go_on(&mut self, portal: &str, rows: u32) {
        self.send('E', &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat());
    }

    /// Asks for the end of what was sent, and gives what came.
    pub fn sync(&mut self) -> Vec<Message> {
        self.send('S', b"");
        self.until_ready()
    }

    /// Runs a statement in the simple protocol.
    pub fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send('Q', format!("{sql}\0").as_bytes());
        self.until_ready()
    }

    /// What comes until the server waits for more.
    fn until_ready(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = self.message().expect("a message");
            let is_ready = message.0 == 'Z';
            messages.push(message);
            if is_ready {
                return messages;
            }
        }
    }

    /// What comes until the server closes the connection.
    pub fn until_closed(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.message()).collect()
    }

    /// The next message; none where the server closed the connection.
    pub fn message(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut content = vec![0; length as usize - 4];
        self.0.read_exact(&mut content).ok()?;
        Some((char::from(head[0]), content))
    }

    fn write(&mut self, kind: Option<u8>, content: &[u8]) {
        let length = u32::try_from(content.len() + 4).expect("short");
        let mut bytes: Vec<u8> = kind.into_iter().collect();
        bytes.extend(length.to_be_bytes());
        bytes.extend(content);
        let _ = self.0.write_all(&bytes);
    }
}

/// The code of the error among these messages, if there is one.
pub fn code_of(messages: &[Message]) -> Option<String> {
    let (_, content) = messages.iter().find(|(kind, _)| *kind == 'E')?;
    let fields = content.split(|byte| *byte == 0);
    let code = fields.into_iter().find(|field| field.first() == Some(&b'C'))?;
    Some(String::from_utf8_lossy(&code[1..]).into_owned())
}

/// The kinds of these messages, in order.
pub fn kinds(messages: &[Message]) -> String {
    messages.iter().map(|(kind, _)| kind).collect()
}
