//! A collector for OpenTelemetry: takes OTLP over HTTP on a free port of this machine, and reads as much of the
//! protobuf messages as tests ask for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One message that was taken.
#[derive(Debug, Clone)]
pub struct Message {
    /// The path that it was posted to.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A span as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty for the first span of a trace.
    pub parent: String,
    /// The attributes that are texts.
    pub attributes: BTreeMap<String, String>,
}

/// The collector; its threads end with the process.
pub struct Collector {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Collector {
    /// Listens, and answers each message with `status`.
    pub fn start(status: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&messages);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let taken = Arc::clone(&taken);
                thread::spawn(move || serve(connection, status, &taken));
            }
        });
        Self { address, messages }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All messages so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("the messages").clone()
    }

    /// The messages to this path.
    pub fn posted_to(&self, path: &str) -> Vec<Message> {
        let messages = self.messages().into_iter();
        messages.filter(|message| message.path == path).collect()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let messages = self.posted_to("/v1/traces");
        let bodies = messages.iter().map(|message| message.body.as_slice());
        // ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans.
        let spans = bodies.flat_map(|body| below(body, &[1, 2, 2]));
        spans.map(|span| read_span(&span)).collect()
    }

    /// The names of all metrics so far.
    pub fn metrics(&self) -> Vec<String> {
        let messages = self.posted_to("/v1/metrics");
        let bodies = messages.iter().map(|message| message.body.as_slice());
        // ExportMetricsServiceRequest.resource_metrics, ResourceMetrics.scope_metrics, ScopeMetrics.metrics, Metric.name.
        let names = bodies.flat_map(|body| below(body, &[1, 2, 2, 1]));
        names.map(text).collect()
    }

    /// The attributes of the resource of the first message to this path.
    pub fn resource(&self, path: &str) -> BTreeMap<String, String> {
        let messages = self.posted_to(path);
        let first = messages.first().expect("a message");
        // Resource.attributes.
        attributes(below(&first.body, &[1, 1, 1]))
    }
}

/// Takes the messages of a connection until it ends.
fn serve(connection: TcpStream, status: u16, taken: &Mutex<Vec<Message>>) {
    let Ok(mut answers) = connection.try_clone() else {
        return;
    };
    let mut lines = BufReader::new(connection);
    while let Some(message) = read_message(&mut lines) {
        taken.lock().expect("the messages").push(message);
        let answer = format!("HTTP/1.1 {status} Answered\r\ncontent-length: 0\r\n\r\n");
        if answers.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// One request; none at the end of the connection.
fn read_message(lines: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut line = String::new();
    if lines.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    Some(Message { path, headers, body })
}

fn read_span(span: &[u8]) -> Span {
    let bytes = |number| below(span, &[number]).concat();
    let hex = |number| bytes(number).iter().map(|byte| format!("{byte:02x}")).collect();
    Span {
        name: text(bytes(5)),
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        attributes: attributes(below(span, &[9])),
    }
}

/// Of `KeyValue` messages, those whose value is a text.
fn attributes(pairs: Vec<Vec<u8>>) -> BTreeMap<String, String> {
    let texts = pairs.into_iter().filter_map(|pair| {
        let key = below(&pair, &[1]).pop()?;
        // AnyValue.string_value.
        let value = below(&pair, &[2, 1]).pop()?;
        Some((text(key), text(value)))
    });
    texts.collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// The fields of bytes at the end of the path, each step of which is the number of a field.
fn below(message: &[u8], path: &[u64]) -> Vec<Vec<u8>> {
    let Some((number, rest)) = path.split_first() else {
        return vec![message.to_vec()];
    };
    let found = fields(message).into_iter().filter(|(found, _)| found == number);
    found.flat_map(|(_, content)| below(&content, rest)).collect()
}

/// The fields of a message that hold bytes, with their numbers.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        match key & 7 {
            0 => _ = varint(&mut message),
            1 => message = &message[8..],
            2 => {
                let length = usize::try_from(varint(&mut message)).expect("a length");
                let (content, rest) = message.split_at(length);
                found.push((key >> 3, content.to_vec()));
                message = rest;
            }
            5 => message = &message[4..],
            kind => panic!("no field of protobuf has the wire type {kind}"),
        }
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first().expect("a byte");
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of protobuf has ten bytes at most");
}

#[test]
fn protobuf_is_read_as_it_is_written() {
    // Field 1: the number 300; field 2: a message with field 1 "hi"; field 3: four bytes; field 2 again, empty.
    let message = [
        0x08, 0xac, 0x02, 0x12, 0x04, 0x0a, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x12, 0x00,
    ];
    assert_eq!(below(&message, &[2, 1]), [b"hi".to_vec()]);
    assert_eq!(below(&message, &[2]).len(), 2);
    assert_eq!(varint(&mut [0xac, 0x02].as_slice()), 300);
}
