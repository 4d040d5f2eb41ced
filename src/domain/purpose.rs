use super::UnknownName;

/// Why a person wants access: `x-hozon-purpose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Care of the patient.
    Treatment,
    /// Billing.
    Payment,
    /// Running the institution.
    Operations,
    /// Research.
    Research,
    /// An emergency.
    Emergency,
    /// The patient asked for it.
    PatientRequest,
}

impl Purpose {
    /// The purpose written as `text`.
    ///
    /// # Errors
    /// [`UnknownName`] for any other text.
    pub fn parse(text: &str) -> Result<Self, UnknownName> {
        Ok(match text {
            "treatment" => Self::Treatment,
            "payment" => Self::Payment,
            "operations" => Self::Operations,
            "research" => Self::Research,
            "emergency" => Self::Emergency,
            "patient-request" => Self::PatientRequest,
            other => return Err(UnknownName { name: other.to_owned() }),
        })
    }

    /// Its name in headers, events and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Treatment => "treatment",
            Self::Payment => "payment",
            Self::Operations => "operations",
            Self::Research => "research",
            Self::Emergency => "emergency",
            Self::PatientRequest => "patient-request",
        }
    }
}
