//! `pragati serve`: the service behind "Download File".

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use pragati::identity::Login;
use pragati::server::Service;

use super::log;
use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati serve --exports exports --reports reports --listen 127.0.0.1:8480
  pragati serve --exports sample_data --dev-auth --mail-server smtp+plain://127.0.0.1:2525 --mail-from reports@example.org
  pragati serve --exports exports --postgres 127.0.0.1:5433     and then: psql -h 127.0.0.1 -p 5433 pragati
  PRAGATI_DATABASE__URL=postgres://… pragati serve --exports s3://bucket/exports --reports s3://bucket/reports

Who may log in and where mail goes is set in pragati.toml, under [identity] and [mail]. The API is described at
/openapi.json, and figures for Prometheus are at /metrics. Ctrl-C or SIGTERM ends the service when running work is done,
a second one at once; what was accepted goes on when it runs again.";

/// Take requests for reports over HTTP, and mail the reports or offer them for download.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArguments {
    /// Folder or URL of a nightly run's output to read reports from, while it is of the newest snapshot
    #[arg(long, value_name = "DIR|URL")]
    reports: Option<String>,
    /// Address to listen on [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Address for PostgreSQL clients, such as psql or a dashboard [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    postgres: Option<SocketAddr>,
    /// Folder of the database, report files and click events [default: pragati-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Mail server: smtp://HOST:587 (STARTTLS), smtps://HOST:465 or smtp+plain://127.0.0.1:25
    #[arg(long, value_name = "URL")]
    mail_server: Option<String>,
    /// Sender of mails, such as 'Pragati <reports@example.org>'
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Accept every user name without a password; for trials on this machine only
    #[arg(long)]
    dev_auth: bool,
    #[command(flatten)]
    common: CommonOptions,
}

pub async fn run(arguments: ServeArguments, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut config = arguments.common.load()?;
    config.serve.reports = arguments.reports.or(config.serve.reports);
    config.serve.listen = arguments.listen.unwrap_or(config.serve.listen);
    config.postgres.listen = arguments.postgres.or(config.postgres.listen);
    config.serve.data = arguments.data.unwrap_or(config.serve.data);
    config.mail.server = arguments.mail_server.or(config.mail.server);
    config.mail.from = arguments.mail_from.or(config.mail.from);
    let login = if arguments.dev_auth { Login::Dev } else { Login::Tokens };
    let service = Service::open(&config, login).await?;
    if !arguments.common.is_quiet() {
        log::say(&format!("listening on {}", service.url()));
        if let Some(address) = service.postgres_address() {
            log::say(&format!("PostgreSQL clients connect to {address}, database pragati"));
        }
    }
    Ok(service.run(shutdown).await?)
}
