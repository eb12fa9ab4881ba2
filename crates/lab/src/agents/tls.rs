//! TLS for both sides: the household's own authority, a certificate for each name, trust in nobody else.

use crate::agent::tell_flow;
use crate::world::{OUTER_NAME, SERVICES, VIDEO_CDN};
use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, ResolvesServerCertUsingSni};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme, StreamOwned,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vocab::TrafficClass;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server's side for all names of the world; writes the authority's certificate to `authority`.
pub(super) fn server(authority: &Path, protocols: &[&str]) -> Result<Arc<ServerConfig>> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.distinguished_name.push(DnType::CommonName, "EqualNet lab household");
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;

    let mut resolver = ResolvesServerCertUsingSni::new();
    let mut behind = None;
    for service in &SERVICES {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(vec![service.name.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, service.name);
        let certificate = parameters.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The authority goes along, as public ones send their intermediate: a handshake of a usual size.
        let chain = vec![certificate.der().clone(), issuer.der().clone()];
        let certified = CertifiedKey::from_der(chain, key, &provider())?;
        if service.name == VIDEO_CDN {
            behind = Some(Arc::new(certified.clone()));
        }
        resolver.add(service.name, certified)?;
    }
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver { named: resolver, behind }));
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();

    // Whole or not at all: devices look for it while we write.
    let draft = authority.with_extension("draft");
    std::fs::write(&draft, issuer.der()).with_context(|| format!("cannot write {}", draft.display()))?;
    std::fs::rename(&draft, authority)?;
    Ok(Arc::new(config))
}

/// Chooses a certificate by the name in the hello; the provider's public name leads to the film's server, as an
/// outer hello does.
#[derive(Debug)]
struct Resolver {
    named: ResolvesServerCertUsingSni,
    behind: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.server_name() == Some(OUTER_NAME) { self.behind.clone() } else { self.named.resolve(hello) }
    }
}

/// A device's side: trusts the authority in the file, speaks one of `protocols`.
pub(super) fn device(authority: &Path, protocols: &[&str]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificate = std::fs::read(authority).with_context(|| format!("cannot read {}", authority.display()))?;
    roots.add(CertificateDer::from(certificate))?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// A device's side that says `outer` in its hello instead of the name it wants, and still checks that the server
/// is who it wants: what a watcher sees of an encrypted hello.
pub(super) fn device_behind(authority: &Path, protocols: &[&str], inner: &str) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::clone(&*device(authority, protocols)?);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(authority)?))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
    let inner = ServerName::try_from(inner.to_owned()).context("a server name")?;
    config.dangerous().set_certificate_verifier(Arc::new(Behind { inner, verifier }));
    Ok(Arc::new(config))
}

/// Checks a certificate for the name inside.
#[derive(Debug)]
struct Behind {
    inner: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Behind {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _outer: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(certificate, chain, &self.inner, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Opens TCP to `name` at `address` and tells the flow.
pub(super) fn open(address: IpAddr, port: u16, class: TrafficClass) -> Result<TcpStream> {
    let remote = SocketAddr::new(address, port);
    let socket = socket(remote)?;
    socket
        .connect_timeout(&remote.into(), Duration::from_secs(10))
        .with_context(|| format!("cannot reach {remote}"))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    tell_flow("tcp", stream.local_addr()?, remote, class);
    Ok(stream)
}

/// Listens for TCP at `local`; what it accepts fills queues as `socket` says.
pub(super) fn listen(local: SocketAddr) -> Result<TcpListener> {
    let socket = socket(local)?;
    socket.set_reuse_address(true)?;
    socket.bind(&local.into()).with_context(|| format!("cannot bind to {local}"))?;
    socket.listen(128)?;
    Ok(TcpListener::from(socket))
}

/// A socket that fills a queue as most of the world's do, by cubic; BBR, the default of some systems, would hide
/// a bad queue. A namespace of its own may not choose cubic for all its sockets, root may for each.
fn socket(like: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(like), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_congestion(b"cubic").context("the kernel has no TCP cubic")?;
    Ok(socket)
}

/// Opens TLS to `name` at `address`, port 443, and tells the flow.
pub(super) fn open_tls(
    config: &Arc<ClientConfig>,
    name: &str,
    address: IpAddr,
    class: TrafficClass,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let stream = open(address, 443, class)?;
    let server_name = ServerName::try_from(name.to_owned()).context("a server name")?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::clone(config), server_name)?, stream))
}
