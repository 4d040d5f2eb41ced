use super::DemoError;
use crate::domain::UtcTime;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use zeroize::Zeroizing;

/// The demo's own certificate authority and its server certificate, as PEM.
///
/// Good for one machine and a short time; `openssl verify -x509_strict` accepts them.
pub(super) struct Certificates {
    /// The authority, for clients to trust.
    pub ca: String,
    /// The server's certificate, after a line that says until when it is good.
    pub server: String,
    /// The server's private key.
    pub server_key: Zeroizing<String>,
}

/// Days that the server certificate is good for: browsers take no more than 397.
const SERVER_DAYS: u64 = 365;
/// Days that the authority is good for.
const CA_DAYS: u64 = 3_650;
/// Days before its end at which a start makes a new one.
const RENEW_DAYS: u64 = 30;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How the line before the server's certificate begins that says until when it is good; readers of PEM pass it over.
const GOOD_UNTIL: &str = "hozon demo, good until ";
/// A clock that lags a little must still accept what was just made.
const BACKDATE: Duration = Duration::from_secs(3_600);

impl Certificates {
    /// Makes a fresh authority, and a server certificate for this machine under it. The authority's key is
    /// dropped: nothing else will ever be signed with it.
    pub(super) fn make(now: UtcTime) -> Result<Self, DemoError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "hozon demo CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        lasts(&mut ca, now, CA_DAYS)?;
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::default();
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.is_ca = IsCa::ExplicitNoCa;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        server.subject_alt_names = vec![
            SanType::DnsName(Ia5String::try_from("localhost")?),
            SanType::DnsName(Ia5String::try_from("*.localhost")?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        lasts(&mut server, now, SERVER_DAYS)?;
        let end = server.not_after.unix_timestamp();
        let server_pem = format!("{GOOD_UNTIL}{end}\n{}", server.signed_by(&server_key, &issuer)?.pem());
        Ok(Self { ca: ca_pem, server: server_pem, server_key: Zeroizing::new(server_key.serialize_pem()) })
    }
}

/// Whether the server's certificate `pem` is good for a while yet. One that does not say so is not.
pub(super) fn is_good(pem: &str, now: UtcTime) -> bool {
    let end = pem.lines().next().and_then(|line| line.strip_prefix(GOOD_UNTIL)).and_then(|end| end.parse::<i64>().ok());
    end.is_some_and(|end| now.plus(days(RENEW_DAYS)).seconds() < end)
}

fn days(count: u64) -> Duration {
    DAY * u32::try_from(count).unwrap_or(u32::MAX)
}

fn lasts(params: &mut CertificateParams, now: UtcTime, term: u64) -> Result<(), DemoError> {
    let mut serial = [0u8; 16];
    getrandom::fill(&mut serial).map_err(|_| DemoError::Random)?;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = now.minus(BACKDATE).to_date_time();
    params.not_after = now.minus(BACKDATE).plus(days(term)).to_date_time();
    Ok(())
}
