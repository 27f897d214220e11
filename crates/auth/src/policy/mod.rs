//! What a caller may do: oslo.policy's rules over Glance's defaults.
//!
//! [`Policy`] holds the rules in force and follows changes of their files. It answers yes or no to one [`Action`] on one
//! [`Target`]; what a no becomes in HTTP, and that an image one may not see is "not found", is decided by the asker.

mod action;
mod check;
mod file;
mod leaf;
mod parse;
mod rules;
mod sample;
mod target;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use arc_swap::ArcSwap;
use thiserror::Error;
use tracing::{debug, error, info, warn};

pub use self::{
    action::Action,
    sample::sample,
    target::{Attributes, Target, Value},
};
use self::{check::Question, file::Stamp, rules::RuleSet};
use crate::{Context, Error, Scope};

/// Changed files are noticed at most this often, so that a burst of requests costs one look.
const LOOK_EVERY_MS: u64 = 1000;

/// Where the rules come from and how strictly they apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyConfig {
    /// The file with the operator's rules; one that does not exist is the same as none, and is picked up when it appears.
    pub policy_file: Option<PathBuf>,
    /// Folders whose files apply after `policy_file`, each in the order of their names; hidden files are left out.
    pub policy_dirs: Vec<PathBuf>,
    /// Asked in place of a rule that does not exist.
    pub default_rule: String,
    /// Refuses callers whose token is scoped to a domain or the system. oslo.policy 6 has no way to say no.
    pub enforce_scope: bool,
    /// When off, what the defaults of older releases allowed stays allowed.
    pub enforce_new_defaults: bool,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            policy_file: None,
            policy_dirs: Vec::new(),
            default_rule: "default".to_owned(),
            enforce_scope: true,
            enforce_new_defaults: true,
        }
    }
}

/// The policy says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("You are not authorized to complete {} action.", .action.rule_name())]
pub struct Denied {
    /// What was refused.
    pub action: Action,
}

/// The rules in force.
///
/// Reading them never waits: a reload builds new rules beside the old ones and swaps them in whole.
#[derive(Debug)]
pub struct Policy {
    config: PolicyConfig,
    rules: ArcSwap<RuleSet>,
    /// Locked by whoever looks.
    seen: Mutex<Seen>,
    started: Instant,
    next_look_ms: AtomicU64,
}

#[derive(Debug)]
struct Seen {
    /// The files as they were at the last look.
    stamp: Stamp,
    /// The rules in force came from the policy file, among others.
    file_in_force: bool,
}

impl Policy {
    /// Reads the files and logs what is odd about them; an unusable one is an error.
    pub fn load(config: PolicyConfig) -> Result<Self, Error> {
        // Before reading: a change in between is then seen as one at the next look.
        let stamp = Stamp::take(&config)?;
        let file_in_force = has_policy_file(&config, &stamp);
        if let Some(path) = config.policy_file.as_deref().filter(|_| !file_in_force) {
            info!(path = %path.display(), "there is no policy file, the default rules apply");
        }
        let rules = build(&config, &stamp)?;
        Ok(Self {
            config,
            rules: ArcSwap::from_pointee(rules),
            seen: Mutex::new(Seen {
                stamp,
                file_in_force,
            }),
            started: Instant::now(),
            next_look_ms: AtomicU64::new(LOOK_EVERY_MS),
        })
    }

    /// Refuses unless the rules allow this caller this action on this target.
    pub fn enforce(
        &self,
        ctx: &Context,
        action: Action,
        target: &Target<'_>,
    ) -> Result<(), Denied> {
        if self.check(ctx, action, target) {
            return Ok(());
        }
        debug!(
            action = action.rule_name(),
            request.id = ctx.request_id(),
            user.id = ctx.user_id(),
            project.id = ctx.project_id(),
            "denied by policy"
        );
        Err(Denied { action })
    }

    /// Whether the rules allow it, where a no is an ordinary answer.
    pub fn check(&self, ctx: &Context, action: Action, target: &Target<'_>) -> bool {
        if self.config.enforce_scope && ctx.scope() != Scope::Project {
            return false;
        }
        self.check_rule(ctx, action.rule_name(), target)
    }

    /// Whether a rule of any name holds, as property protections ask; scopes play no part.
    ///
    /// Compat: the default rule is asked in place of one that does not exist, and Glance's default rule allows.
    pub fn check_rule(&self, ctx: &Context, rule: &str, target: &Target<'_>) -> bool {
        self.look_now_and_then();
        let rules = self.rules.load();
        let Some(check) = rules.get(rule) else {
            return false;
        };
        let question = Question {
            ctx,
            target,
            rules: &rules,
        };
        check.holds(question).unwrap_or_else(|cause| {
            error!(rule, request.id = ctx.request_id(), %cause, "policy rule cannot be decided and refuses");
            false
        })
    }

    /// Whether the caller is an administrator, by the rule `context_is_admin`.
    pub fn is_admin(&self, ctx: &Context) -> bool {
        let identity = ctx.identity();
        // Compat: Glance asks this rule about the context itself.
        let target = Target::new()
            .with("user", ctx.user_id())
            .with("project_id", ctx.project_id())
            .with("project", ctx.project_id())
            .with("system_scope", identity.system_scope.as_deref())
            .with("domain", identity.domain_id.as_deref())
            .with("user_domain", identity.user_domain_id.as_deref())
            .with("project_domain", identity.project_domain_id.as_deref())
            .with("is_admin", ctx.is_admin())
            .with("is_admin_project", identity.is_admin_project)
            .with("read_only", ctx.is_read_only())
            .with("request_id", ctx.request_id());
        self.check_rule(ctx, "context_is_admin", &target)
    }

    /// The context with [`is_admin`](Self::is_admin) settled; an administrator by other means stays one.
    #[must_use]
    pub fn admit(&self, ctx: Context) -> Context {
        let is_admin = ctx.is_admin() || self.is_admin(&ctx);
        ctx.with_is_admin(is_admin)
    }

    /// What an operator should know about the rules in force: texts that deny because they are not understood, names that
    /// lead nowhere, circles.
    pub fn warnings(&self) -> Vec<String> {
        self.rules.load().warnings().to_vec()
    }

    /// The rules in force by name, defaults included, in the rule language.
    pub fn rules(&self) -> BTreeMap<String, String> {
        self.rules.load().printed()
    }

    /// Reads the files again if they changed, and says whether new rules are in force.
    ///
    /// Being asked does this by itself about once a second, once a change is a moment old. This is for an operator who wants
    /// it now.
    ///
    /// A file that is unusable or gone changes nothing: the old rules stay, and the log says why, once per change.
    // Compat: Glance keeps a rule that was taken out of the file until it is restarted. Here it is gone, as in every other
    // OpenStack service.
    pub fn reload_if_changed(&self) -> bool {
        self.reload(|_| true)
    }

    fn reload(&self, is_ready: impl FnOnce(&Stamp) -> bool) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match Stamp::take(&self.config) {
            Ok(now) => now,
            Err(cause) => {
                error!(
                    error = &cause as &dyn std::error::Error,
                    "cannot look for changed policy files"
                );
                return false;
            }
        };
        if now == seen.stamp || !is_ready(&now) {
            return false;
        }
        seen.stamp = now;
        let has_file = has_policy_file(&self.config, &seen.stamp);
        if seen.file_in_force && !has_file {
            // Being replaced, perhaps. Falling back to the defaults meanwhile could open what the file closes.
            warn!("the policy file is gone, the rules stay as they were");
            return false;
        }
        match build(&self.config, &seen.stamp) {
            Ok(rules) => {
                seen.file_in_force = has_file;
                self.rules.store(rules.into());
                info!("policy rules reloaded");
                true
            }
            Err(cause) => {
                error!(
                    error = &cause as &dyn std::error::Error,
                    "changed policy files cannot be used, the rules stay as they were"
                );
                false
            }
        }
    }

    fn look_now_and_then(&self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due_ms = self.next_look_ms.load(Ordering::Relaxed);
        if now_ms < due_ms {
            return;
        }
        let next_ms = now_ms.saturating_add(LOOK_EVERY_MS);
        let won = self.next_look_ms.compare_exchange(
            due_ms,
            next_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        // One asker looks; the others go on with the rules there are.
        if won.is_ok() {
            self.reload(|stamp| stamp.is_settled(SystemTime::now()));
        }
    }
}

fn has_policy_file(config: &PolicyConfig, stamp: &Stamp) -> bool {
    config
        .policy_file
        .as_deref()
        .is_some_and(|path| stamp.contains(path))
}

fn build(config: &PolicyConfig, stamp: &Stamp) -> Result<RuleSet, Error> {
    let rules = RuleSet::build(config, stamp.read()?)?;
    for warning in rules.warnings() {
        warn!("policy: {warning}");
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
