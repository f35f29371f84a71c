//! A network of this machine's own, with namespaces on it that stand for other machines and can be cut off from each other.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use crate::support::skipped;

/// Namespaces joined by a bridge, at which this machine has an address too. They go with this value.
#[derive(Debug)]
pub struct Network {
    /// Makes names and addresses that no other test has at this time.
    process: u32,
    machines: u8,
}

impl Network {
    /// None where namespaces cannot be made.
    pub fn of(machines: u8) -> Option<Self> {
        let network = Self {
            process: std::process::id(),
            machines,
        };
        // What a killed test with this number left behind.
        network.remove();
        if !ip(&["link", "add", &network.bridge(), "type", "bridge"]) {
            // Containers often may not, so this is not held against a machine that may not skip.
            eprintln!("SKIPPED: network namespaces need root and iproute2, and cannot be made here");
            return None;
        }
        let is_made = network.make();
        if !is_made {
            skipped("a bridge can be made here, but no namespaces on it");
        }
        is_made.then_some(network)
    }

    fn make(&self) -> bool {
        let bridge = self.bridge();
        let mut is_made = ip(&["address", "add", &format!("{}/24", self.gateway()), "dev", &bridge])
            && ip(&["link", "set", &bridge, "up"]);
        for machine in 0..self.machines {
            let (name, port) = (self.namespace(machine), self.port(machine));
            let address = format!("{}/24", self.address(machine));
            is_made = is_made
                && ip(&["netns", "add", &name])
                && ip(&[
                    "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &name,
                ])
                && ip(&["link", "set", &port, "master", &bridge, "up"])
                && ip(&["-n", &name, "address", "add", &address, "dev", "eth0"])
                && ip(&["-n", &name, "link", "set", "eth0", "up"])
                && ip(&["-n", &name, "link", "set", "lo", "up"]);
        }
        is_made
    }

    /// This machine's address.
    pub fn gateway(&self) -> Ipv4Addr {
        self.host(1)
    }

    /// The address of a machine, counted from 0.
    pub fn address(&self, machine: u8) -> Ipv4Addr {
        self.host(machine + 2)
    }

    /// Runs a program on a machine.
    pub fn command(&self, machine: u8, program: &std::ffi::OsStr) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(machine)]).arg(program);
        command
    }

    /// Drops all packets between the machines silently; those from and to this machine arrive.
    pub fn cut(&self) {
        self.isolate("on");
    }

    /// Packets arrive again.
    pub fn heal(&self) {
        self.isolate("off");
    }

    fn isolate(&self, isolated: &str) {
        for machine in 0..self.machines {
            let port = self.port(machine);
            let isolates = Command::new("bridge")
                .args(["link", "set", "dev", &port, "isolated", isolated])
                .status();
            assert!(isolates.is_ok_and(|status| status.success()), "{port}");
        }
    }

    fn host(&self, last: u8) -> Ipv4Addr {
        let [_, _, high, low] = self.process.to_be_bytes();
        Ipv4Addr::new(10, high, low, last)
    }

    fn bridge(&self) -> String {
        format!("pr{}", self.process)
    }

    fn port(&self, machine: u8) -> String {
        format!("pr{}p{machine}", self.process)
    }

    fn namespace(&self, machine: u8) -> String {
        format!("pragati-{}-{machine}", self.process)
    }

    fn remove(&self) {
        for machine in 0..self.machines {
            ip(&["netns", "delete", &self.namespace(machine)]);
        }
        ip(&["link", "delete", &self.bridge()]);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.remove();
    }
}

fn ip(arguments: &[&str]) -> bool {
    let mut ip = Command::new("ip");
    ip.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    ip.status().is_ok_and(|status| status.success())
}
