//! The way to the running EqualNet: HTTP over its Unix socket, or over TCP after a login.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// Where EqualNet listens on its own machine.
pub const DEFAULT_SOCKET: &str = "/run/equalnet/api.sock";
/// How long an answer may take: twice what the API waits for its control loop.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer we take, in bytes.
const LARGEST_ANSWER: usize = 64 * 1_024 * 1_024;

/// Which EqualNet to talk to.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// The socket of the EqualNet on this machine
    #[arg(long, global = true, value_name = "PATH", env = "EQUALNET_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Another machine's EqualNet, as http://name:port; the password comes from EQUALNET_PASSWORD
    #[arg(long, global = true, value_name = "URL", env = "EQUALNET_REMOTE")]
    pub remote: Option<String>,
}

/// Why EqualNet gave no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no socket.
    #[error(
        "EqualNet is not running here: no socket at {0}.\nStart it with `systemctl start equalnet` or `equalnet run`, \
         or say where it is with --socket or --remote."
    )]
    NotRunning(PathBuf),
    /// The socket is not for us.
    #[error("{0} may not be opened by you. Try again with sudo, or join the group that owns it.")]
    NotAllowed(PathBuf),
    /// Nobody answers there.
    #[error("cannot reach EqualNet at {place}: {source}")]
    Unreachable {
        /// Where.
        place: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Not `http://name:port`.
    #[error("`{0}` is no address of an EqualNet: say http://name:port (through a tunnel if the way is not safe)")]
    InvalidRemote(String),
    /// No password for a remote EqualNet.
    #[error("to log in at {0}, put the password into the environment: EQUALNET_PASSWORD")]
    NoPassword(String),
    /// Something broke on the way.
    #[error("the talk with EqualNet broke off: {0}")]
    Broken(String),
    /// It took too long.
    #[error("EqualNet did not answer in {} s", PATIENCE.as_secs())]
    TooSlow,
    /// EqualNet refused.
    #[error("{}{}", .0.title, detail(.0))]
    Refused(wire::Problem),
}

fn detail(problem: &wire::Problem) -> String {
    if problem.detail.is_empty() { String::new() } else { format!("\n{}", problem.detail) }
}

/// Talks to one EqualNet; each request is a connection of its own.
pub(crate) struct Client {
    runtime: tokio::runtime::Runtime,
    place: Place,
    login: Option<Login>,
}

enum Place {
    Socket(PathBuf),
    /// `name:port`
    Remote(String),
}

struct Login {
    cookie: String,
    csrf: String,
}

impl Client {
    /// A client for the EqualNet that `global` names; logs in where it is remote.
    pub(crate) fn new(global: &Global) -> Result<Client, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        match &global.remote {
            None => Ok(Client { runtime, place: Place::Socket(global.socket.clone()), login: None }),
            Some(remote) => {
                let authority = authority_of(remote).ok_or_else(|| ClientError::InvalidRemote(remote.clone()))?;
                let mut client = Client { runtime, place: Place::Remote(authority), login: None };
                client.log_in(remote)?;
                Ok(client)
            }
        }
    }

    fn log_in(&mut self, remote: &str) -> Result<(), ClientError> {
        let password = std::env::var("EQUALNET_PASSWORD").map_err(|_| ClientError::NoPassword(remote.to_owned()))?;
        let user = std::env::var("EQUALNET_USER").unwrap_or_else(|_| "admin".to_owned());
        let body = to_json(&wire::Login { user, password })?;
        let (cookie, answer) = self.exchange(Method::POST, "session", Some(body))?;
        let state: wire::SessionState = read(&answer)?;
        let cookie = cookie.ok_or_else(|| ClientError::Broken("the login gave no cookie".to_owned()))?;
        self.login = Some(Login { cookie, csrf: state.csrf });
        Ok(())
    }

    /// `GET /api/v1/{path}`.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let (_, answer) = self.exchange(Method::GET, path, None)?;
        read(&answer)
    }

    /// `PUT /api/v1/{path}`.
    pub(crate) fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let (_, answer) = self.exchange(Method::PUT, path, Some(to_json(body)?))?;
        read(&answer)
    }

    /// `POST /api/v1/{path}`.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let (_, answer) = self.exchange(Method::POST, path, Some(to_json(body)?))?;
        read(&answer)
    }

    /// `DELETE /api/v1/{path}`.
    pub(crate) fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.exchange(Method::DELETE, path, None).map(|_| ())
    }

    /// Sends one request; gives the cookie set, if any, and the body.
    fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(Option<String>, Bytes), ClientError> {
        let talk = async {
            match &self.place {
                Place::Socket(path_of_socket) => {
                    let stream = UnixStream::connect(path_of_socket).await.map_err(|source| match source.kind() {
                        // A socket nobody serves is left over from an EqualNet that was killed.
                        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                            ClientError::NotRunning(path_of_socket.clone())
                        }
                        io::ErrorKind::PermissionDenied => ClientError::NotAllowed(path_of_socket.clone()),
                        _ => ClientError::Unreachable { place: path_of_socket.display().to_string(), source },
                    })?;
                    self.exchange_over(stream, "localhost", method, path, body).await
                }
                Place::Remote(authority) => {
                    let stream = TcpStream::connect(authority)
                        .await
                        .map_err(|source| ClientError::Unreachable { place: authority.clone(), source })?;
                    self.exchange_over(stream, authority, method, path, body).await
                }
            }
        };
        self.runtime.block_on(async {
            match tokio::time::timeout(PATIENCE, talk).await {
                Ok(result) => result,
                Err(_) => Err(ClientError::TooSlow),
            }
        })
    }

    async fn exchange_over<S>(
        &self,
        stream: S,
        host: &str,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(Option<String>, Bytes), ClientError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        // Ends by itself when the answer is read; its errors come out of the request.
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}")).header(HOST, host);
        if let Some(login) = &self.login {
            request = request.header(COOKIE, &login.cookie).header("x-csrf-token", &login.csrf);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|error| broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let cookie = response
            .headers()
            .get(SET_COOKIE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(str::to_owned);
        let body =
            Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.map_err(|error| broken(&error))?;
        connection.abort();
        let body = body.to_bytes();
        if status.is_success() { Ok((cookie, body)) } else { Err(refusal(status, &body)) }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    let problem = serde_json::from_slice(body).unwrap_or_else(|_| wire::Problem {
        status: status.as_u16(),
        code: "internal".to_owned(),
        title: format!("EqualNet answered {status}."),
        detail: String::new(),
    });
    ClientError::Refused(problem)
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|error| ClientError::Broken(error.to_string()))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body)
        .map_err(|error| ClientError::Broken(format!("its answer is not of this version ({error})")))
}

/// `name:port` of `http://name:port`.
fn authority_of(remote: &str) -> Option<String> {
    let authority = remote.strip_prefix("http://")?.trim_end_matches('/');
    let (name, port) = authority.rsplit_once(':')?;
    let fits = !name.is_empty() && !name.contains(['/', '@']) && port.parse::<u16>().is_ok();
    fits.then(|| authority.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(path: PathBuf) -> Global {
        Global { socket: path, remote: None }
    }

    #[test]
    fn a_missing_or_deserted_socket_says_how_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        for deserted in [false, true] {
            if deserted {
                drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            }
            let error = Client::new(&socket(path.clone())).unwrap().get::<wire::Status>("status").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "EqualNet is not running here: no socket at {}.\nStart it with `systemctl start equalnet` or \
                     `equalnet run`, or say where it is with --socket or --remote.",
                    path.display()
                )
            );
        }
    }

    /// What a server that answers this to anything makes of `get`.
    fn check(head: &str, body: &str, expected: &str) {
        let response = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1_024];
            let length = stream.read(&mut asked).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let answer = Client::new(&socket(path)).unwrap().get::<wire::ModeChange>("mode");
        let asked = server.join().unwrap();
        assert!(asked.starts_with("GET /api/v1/mode HTTP/1.1\r\n"), "{asked}");
        let found = answer.map_or_else(|error| error.to_string(), |change| change.mode);
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn answers_and_refusals_are_understood() {
        let ok = "HTTP/1.1 200 OK";
        check(ok, r#"{"mode":"observe"}"#, "observe");
        check(ok, "{}", "the talk with EqualNet broke off: its answer is not of this version");
        let refused = r#"{"status":409,"code":"refused","title":"No room.","detail":"Why."}"#;
        check("HTTP/1.1 409 Conflict", refused, "No room.\nWhy.");
        check("HTTP/1.1 502 Bad Gateway", "oops", "EqualNet answered 502 Bad Gateway.");
        check("nonsense", "", "the talk with EqualNet broke off");
    }

    #[test]
    fn remote_addresses_are_http_name_port() {
        for (text, authority) in [
            ("http://router.lan:8920", Some("router.lan:8920")),
            ("http://[fd00::1]:8920/", Some("[fd00::1]:8920")),
            ("https://router.lan:8920", None),
            ("router.lan:8920", None),
            ("http://router.lan", None),
            ("http://:1", None),
            ("http://a@b:1", None),
            ("http://a:99999", None),
        ] {
            assert_eq!(authority_of(text).as_deref(), authority, "{text}");
        }
    }
}
