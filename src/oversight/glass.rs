use super::{Oversight, OversightError};
use crate::domain::{BrokenGlass, Directive, GlassFinding, GlassReason, GlassReview, PatientId, limits};
use crate::identity::Principal;
use crate::policy::{BreakGlass, Circumstances, ReadAudit, ReviewAccess};
use std::sync::Arc;
use std::time::Duration;

/// What somebody says who breaks the glass (BG-04).
#[derive(Debug, Clone)]
pub struct GlassWish {
    /// Whose records.
    pub patient: PatientId,
    /// Why, as a code.
    pub reason: GlassReason,
    /// Why, in words.
    pub text: String,
    /// For how long; [`limits::GLASS_LIFE_MAX`] at most.
    pub life: Option<Duration>,
}

impl Oversight {
    /// Gives a licensed person read access to one patient's records for a short time. Opens a review (BG-04, BG-05).
    ///
    /// # Errors
    /// [`OversightError`]; no access is given then.
    pub async fn break_glass(&self, who: &Arc<Principal>, around: &Circumstances, wish: GlassWish) -> Result<BrokenGlass, OversightError> {
        let unfit = |reason: &str| OversightError::Unfit { reason: reason.to_owned() };
        let words = wish.text.trim();
        if words.chars().count() < limits::GLASS_TEXT_CHARS_MIN || words.len() > limits::GLASS_TEXT_BYTES_MAX {
            return Err(unfit("the text says in a few words why the records are needed now"));
        }
        let life = wish.life.unwrap_or(limits::GLASS_LIFE);
        if life.is_zero() || life > limits::GLASS_LIFE_MAX {
            return Err(unfit("the access lasts for 1 second to 4 hours"));
        }
        let begun = self.clock.now();
        let glass = BrokenGlass {
            id: around.request.to_string(),
            patient: wish.patient,
            by: who.id().to_string(),
            by_name: who.name().to_owned(),
            reason: wish.reason,
            text: words.to_owned(),
            begun,
            until: begun.plus(life),
            review: None,
        };
        self.lay_down::<BreakGlass>(who, around, (Directive::Glass(glass.clone()), None)).await?;
        Ok(glass)
    }

    /// All break-glass accesses, newest first.
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn glasses(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Vec<BrokenGlass>, OversightError> {
        let admitted = self.gate.see::<ReadAudit>(who, around).await?;
        let book = self.access.book_now(admitted.tenant()).await?;
        let mut all: Vec<_> = book.glasses().cloned().collect();
        all.sort_by_key(|glass| std::cmp::Reverse(glass.begun));
        Ok(all)
    }

    /// Closes the review of a break-glass access, which nobody does for their own (BG-05).
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn review_glass(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        id: &str,
        (finding, note): (GlassFinding, String),
    ) -> Result<BrokenGlass, OversightError> {
        let book = self.access.book_now(who.tenant()).await?;
        let found = book.glass(id).cloned();
        if found.as_ref().is_some_and(|glass| glass.by == who.id().to_string()) {
            self.gate.refuse_same_person::<ReviewAccess>(who, around).await?;
        }
        let Some(mut glass) = found else {
            // Who may not review learns nothing of what there is.
            let _may_know = self.gate.see::<ReadAudit>(who, around).await?;
            return Err(OversightError::Nothing { what: "break-glass access" });
        };
        let is_closed = glass.review.is_some();
        glass.review = Some(GlassReview { by: who.id().to_string(), at: self.clock.now(), finding, note });
        if is_closed {
            let _may_know = self.gate.see::<ReadAudit>(who, around).await?;
            return Err(OversightError::Closed { what: "review" });
        }
        self.lay_down::<ReviewAccess>(who, around, (Directive::Glass(glass.clone()), None)).await?;
        Ok(glass)
    }
}
