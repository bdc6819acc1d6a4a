//! Several models for calls of one kind: who is asked first, and who follows when one fails.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hindsight_engine::ports::{LlmFailure, Prompt, Reply};
use tokio::time::Instant;

use super::endpoint::{Endpoint, Spent};
use super::options::Order;

/// Longest time for which a model that failed is asked last.
const LONGEST_COOLDOWN: Duration = Duration::from_hours(1);

/// The models for calls of one kind.
pub(super) struct Chain {
    members: Vec<Member>,
    /// For turns: what each member has coming to it. Empty when the first one is always first.
    turns: Mutex<Vec<i64>>,
    weights: Vec<u32>,
    cooldown: Duration,
}

struct Member {
    endpoint: Endpoint,
    cooling: Mutex<Cooling>,
}

/// A member that has failed is asked last for a while.
#[derive(Clone, Copy, Debug, Default)]
struct Cooling {
    until: Option<Instant>,
    length: Duration,
}

impl Chain {
    pub(super) fn new(endpoints: Vec<Endpoint>, order: &Order, cooldown: Duration) -> Result<Self, String> {
        if endpoints.is_empty() {
            return Err("there is no model to ask".to_owned());
        }
        let weights = match order {
            Order::Failover => Vec::new(),
            Order::RoundRobin(weights) if weights.is_empty() => vec![1; endpoints.len()],
            Order::RoundRobin(weights) => weights.clone(),
        };
        if !weights.is_empty() && weights.len() != endpoints.len() {
            return Err(format!("there are {} weights for {} models", weights.len(), endpoints.len()));
        }
        let member = |endpoint| Member { endpoint, cooling: Mutex::default() };
        Ok(Self {
            turns: Mutex::new(vec![0; weights.len()]),
            weights,
            members: endpoints.into_iter().map(member).collect(),
            cooldown,
        })
    }

    /// Names of all members, in their order.
    pub(super) fn name(&self) -> String {
        let names: Vec<_> = self.members.iter().map(|member| member.endpoint.name.as_str()).collect();
        names.join(", ")
    }

    /// The answer of the first member that gives one. A member is left only after its own
    /// attempts. An answer that is too long is the question's matter, not the member's.
    pub(super) async fn ask(
        &self,
        prompt: &Prompt,
        deadline: Option<Instant>,
        spent: &mut Spent<'_>,
    ) -> Result<Reply, LlmFailure> {
        let mut failed: Option<LlmFailure> = None;
        for member in self.in_order() {
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if failed.is_some() && is_over {
                break;
            }
            match member.endpoint.ask(prompt, deadline, spent).await {
                Ok(reply) => {
                    *lock(&member.cooling) = Cooling::default();
                    return Ok(reply);
                }
                Err(LlmFailure::OutputTooLong) => return Err(LlmFailure::OutputTooLong),
                Err(failure) => {
                    if is_of_member(&failure) {
                        self.cool(member);
                    }
                    if self.members.len() > 1 {
                        tracing::info!(model = member.endpoint.name, reason = %failure, "a language model fails");
                    }
                    failed = Some(worse(failed, failure));
                }
            }
        }
        Err(failed.unwrap_or(LlmFailure::Late))
    }

    /// Who is asked, one after the other: those that have just failed last.
    fn in_order(&self) -> Vec<&Member> {
        let now = Instant::now();
        let (mut members, cooling): (Vec<_>, Vec<_>) = self
            .members
            .iter()
            .enumerate()
            .partition(|(_, member)| lock(&member.cooling).until.is_none_or(|until| until <= now));
        if let Some(first) = self.next_turn(&members) {
            let (before, from_first): (Vec<_>, Vec<_>) =
                members.into_iter().partition(|(number, _)| *number < first);
            members = from_first.into_iter().chain(before).collect();
        }
        members.into_iter().chain(cooling).map(|(_, member)| member).collect()
    }

    /// Whose turn it is among these: spread out evenly, each as often as its weight says.
    fn next_turn(&self, members: &[(usize, &Member)]) -> Option<usize> {
        let mut turns = lock(&self.turns);
        let mut total = 0;
        let mut first: Option<(i64, usize)> = None;
        for (number, _) in members {
            let weight = i64::from(*self.weights.get(*number)?);
            let turn = turns.get_mut(*number)?;
            *turn += weight;
            total += weight;
            if first.is_none_or(|(most, _)| *turn > most) {
                first = Some((*turn, *number));
            }
        }
        let (_, number) = first?;
        *turns.get_mut(number)? -= total;
        Some(number)
    }

    /// Lets a member be asked last, longer every time.
    fn cool(&self, member: &Member) {
        let mut cooling = lock(&member.cooling);
        // Calls that were under way together fail together: that is one failure.
        if cooling.until.is_some_and(|until| until > Instant::now()) {
            return;
        }
        let length = if cooling.length.is_zero() { self.cooldown } else { cooling.length.saturating_mul(2) };
        let length = length.min(LONGEST_COOLDOWN);
        *cooling = Cooling { until: Instant::now().checked_add(length), length };
    }
}

/// Whether a failure says something of the model it came from, not of the question.
fn is_of_member(failure: &LlmFailure) -> bool {
    match failure {
        LlmFailure::Denied(_)
        | LlmFailure::QuotaUntil(_)
        | LlmFailure::Busy(_)
        | LlmFailure::Late
        | LlmFailure::Failed(_) => true,
        LlmFailure::OutputTooLong
        | LlmFailure::Refused(_)
        | LlmFailure::NotJson(_)
        | LlmFailure::Rejected(_) => false,
    }
}

/// What to tell of two failures: the one after which it is worth most to come back.
fn worse(before: Option<LlmFailure>, now: LlmFailure) -> LlmFailure {
    let hope = |failure: &LlmFailure| match failure {
        LlmFailure::QuotaUntil(_) => 2,
        LlmFailure::Busy(_) | LlmFailure::Late | LlmFailure::Failed(_) => 1,
        _ => 0,
    };
    match (before, now) {
        (Some(LlmFailure::QuotaUntil(one)), LlmFailure::QuotaUntil(other)) => {
            LlmFailure::QuotaUntil(one.min(other))
        }
        (Some(before), now) if hope(&before) > hope(&now) => before,
        (_, now) => now,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
