//! Changing a fact: editing it, declaring it invalid, bringing it back.
//!
//! [`plan`] says what a request asks of the fact as it stands, or why that cannot be. What is slow,
//! vectors and names, is made before anything is locked; when the fact has changed meanwhile it is
//! looked at again.

use chrono::{DateTime, Utc};
use hindsight_types::memories::{FieldChange, MemoryResponse, UpdateMemoryRequest};
use hindsight_types::recall::FactType;
use hindsight_types::time;
use uuid::Uuid;

use crate::ports::EmbedPurpose;
use crate::retain::source::entity_mentions;
use crate::store::{
    BankKey, EntityMention, FactChange, FactWrite, StateChange, StoreError, StoredFact, TextFeatures,
    fact_type_code, fact_type_of,
};
use crate::text::terms::{Terms, analyze, text_hash};
use crate::text::{sanitize, signals, tokens};
use crate::{Engine, EngineError};

/// How often a fact is looked at that others change at the same time.
const ATTEMPTS: usize = 6;

/// What a request asks of a fact.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    edit: Option<Edit>,
    state: Option<State>,
}

/// How a fact is to be.
#[derive(Debug, PartialEq)]
struct Edit {
    fact_type: FactType,
    /// Its text, when it is another one.
    text: Option<String>,
    context: Option<String>,
    occurred_start: Option<DateTime<Utc>>,
    occurred_end: Option<DateTime<Utc>>,
    mentioned_at: Option<DateTime<Utc>>,
    author: Option<String>,
    entities: Option<Vec<EntityMention>>,
}

/// Which state it is to have.
#[derive(Debug, PartialEq)]
enum State {
    Invalidated(Option<String>),
    Valid,
}

impl Engine {
    /// Changes a fact as the request says, and returns it as it is then.
    pub async fn update_memory(
        &self,
        bank_id: &str,
        memory_id: Uuid,
        request: &UpdateMemoryRequest,
    ) -> Result<MemoryResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        for attempt in 1.. {
            let fact = self.store.stored_fact(bank.key, memory_id).await?;
            let fact = fact.ok_or_else(|| not_found(memory_id))?;
            let plan = plan(&fact, request)?;
            match self.carry_out(bank.key, &fact, plan).await {
                Err(EngineError::Store(StoreError::MemoryChanged(_))) if attempt < ATTEMPTS => {
                    tracing::debug!(%memory_id, "changed while it was edited; looked at again");
                }
                Err(EngineError::Store(StoreError::BankVanished)) => {
                    return Err(EngineError::BankNotFound(bank_id.to_owned()));
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.memory(bank_id, memory_id).await
    }

    async fn carry_out(&self, bank: BankKey, fact: &StoredFact, plan: Plan) -> Result<(), EngineError> {
        let Plan { edit, state } = plan;
        if edit.is_none() && state.is_none() {
            return Ok(());
        }
        let change = match edit {
            Some(edit) => Some(self.change(bank, fact, edit).await?),
            None => None,
        };
        let features = match state {
            Some(State::Valid) => Some(self.features(&fact.body).await?),
            _ => None,
        };
        let state = match (&state, &features) {
            (Some(State::Invalidated(reason)), _) => Some(StateChange::Invalidate(reason.as_deref())),
            (_, Some(features)) => Some(StateChange::Revert(features)),
            _ => None,
        };
        Ok(self.store.curate(bank, fact, change.as_ref(), state, self.clock.now()).await?)
    }

    /// Adds to an edit what models and the bank's entities have to say.
    async fn change(&self, bank: BankKey, fact: &StoredFact, edit: Edit) -> Result<FactChange, EngineError> {
        let Edit { entities, text, .. } = edit;
        let entities = match entities {
            Some(mentions) => {
                let scene = (edit.author.as_deref(), edit.occurred_start.or(edit.mentioned_at));
                Some(self.resolved(bank, fact, scene, mentions).await?)
            }
            None => None,
        };
        let text = match text {
            Some(text) => {
                let features = self.features(&text).await?;
                Some((text, features))
            }
            None => None,
        };
        Ok(FactChange {
            fact_type: edit.fact_type,
            text,
            context: edit.context,
            occurred_start: edit.occurred_start,
            occurred_end: edit.occurred_end,
            mentioned_at: edit.mentioned_at,
            author: edit.author,
            entities,
        })
    }

    async fn features(&self, text: &str) -> Result<TextFeatures, EngineError> {
        let embedding = self.vectors(EmbedPurpose::Passage, vec![text.to_owned()]).await?;
        Ok(TextFeatures {
            embedding: embedding.into_iter().next().unwrap_or_default(),
            terms: analyze(text, self.store.language()),
            tokens: i32::try_from(tokens::count(text)).unwrap_or(i32::MAX),
            question_share: signals::question_share(text),
            has_time: signals::has_time(text),
            text_hash: text_hash(text),
        })
    }

    /// The names as the bank spells them, by the company they keep in the fact. `scene` is who says
    /// it, and when it happened or was said.
    async fn resolved(
        &self,
        bank: BankKey,
        fact: &StoredFact,
        (author, at): (Option<&str>, Option<DateTime<Utc>>),
        entities: Vec<EntityMention>,
    ) -> Result<Vec<EntityMention>, EngineError> {
        let mut named = FactWrite {
            memory_id: fact.memory_id,
            chunk_index: 0,
            fact_type: fact_type_of(fact.fact_type),
            body: String::new(),
            context: None,
            metadata: None,
            tags: Vec::new(),
            label_tags: Vec::new(),
            observation_scopes: None,
            occurred: None,
            mentioned_at: at,
            embedding: Vec::new(),
            attachments: Vec::new(),
            terms: Terms::default(),
            stream: None,
            tokens: 0,
            question_share: 0.0,
            has_time: false,
            author: author.map(str::to_owned),
            entities,
            caused_by: Vec::new(),
            text_hash: 0,
        };
        self.resolve_entities(bank, &mut [&mut named]).await?;
        Ok(named.entities)
    }
}

pub(super) fn not_found(memory_id: Uuid) -> EngineError {
    EngineError::NotFound { kind: "Memory", id: memory_id.to_string() }
}

/// What a request asks of a fact; nothing when it is so already.
fn plan(fact: &StoredFact, request: &UpdateMemoryRequest) -> Result<Plan, EngineError> {
    let invalid = |message: &str| Err(EngineError::Invalid(message.to_owned()));
    if fact.fact_type == fact_type_code(FactType::Observation) {
        return invalid("an observation cannot be changed; change the facts it was made of");
    }
    let state = match request.state.as_deref() {
        Some("valid") if fact.is_archived => Some(State::Valid),
        None | Some("valid") => None,
        Some("invalidated") => {
            let reason = request.reason.as_deref().map(|reason| sanitize(reason).into_owned());
            Some(State::Invalidated(reason.filter(|reason| !reason.trim().is_empty())))
        }
        Some(other) => {
            return Err(EngineError::Invalid(format!(
                "Invalid state: '{other}' is not one of valid, invalidated."
            )));
        }
    };
    if !request.is_edit() {
        return Ok(Plan { edit: None, state });
    }
    if fact.is_archived {
        return invalid("an invalidated memory cannot be edited; set its state to 'valid' first, by itself");
    }
    let edit = edit(fact, request)?;
    Ok(Plan { edit: Some(edit).filter(|edit| !edit.is_so_already(fact)), state })
}

fn edit(fact: &StoredFact, request: &UpdateMemoryRequest) -> Result<Edit, EngineError> {
    let text = match request.text.as_deref().map(sanitize) {
        Some(text) if text.trim().is_empty() => {
            let message = "text must not be blank; to take a memory out, set its state to 'invalidated'";
            return Err(EngineError::Invalid(message.to_owned()));
        }
        text => text.filter(|text| **text != fact.body).map(std::borrow::Cow::into_owned),
    };
    let fact_type = match request.fact_type.as_deref() {
        None => fact_type_of(fact.fact_type),
        Some("world") => FactType::World,
        Some("experience") => FactType::Experience,
        Some(other) => {
            return Err(EngineError::Invalid(format!(
                "Invalid fact_type: '{other}' is not one of world, experience."
            )));
        }
    };
    let context = match request.context.as_deref().map(sanitize) {
        None => fact.context.clone(),
        Some(context) => Some(context.into_owned()).filter(|context| !context.is_empty()),
    };
    let occurred_start = date("occurred_start", &request.occurred_start, fact.occurred_start)?;
    let was_a_moment = fact.occurred_start == fact.occurred_end;
    let occurred_end = match &request.occurred_end {
        // A moment stays one when it is moved.
        FieldChange::Stay if was_a_moment => occurred_start,
        change => date("occurred_end", change, fact.occurred_end)?,
    };
    if occurred_start.zip(occurred_end).is_some_and(|(start, end)| end < start) {
        let message = "occurred_end must not lie before occurred_start; send both to move both";
        return Err(EngineError::Invalid(message.to_owned()));
    }
    let mentions = |names: &Vec<String>| {
        entity_mentions(names.iter().map(|name| (name, false, !request.resolve_entities)))
    };
    Ok(Edit {
        fact_type,
        context,
        occurred_start,
        occurred_end,
        mentioned_at: date("mentioned_at", &request.mentioned_at, fact.mentioned_at)?,
        author: text.as_deref().and_then(signals::author).map(str::to_owned).or_else(|| fact.author.clone()),
        entities: request.entities.as_ref().map(mentions),
        text,
    })
}

fn date(
    name: &str,
    change: &FieldChange,
    known: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, EngineError> {
    match change {
        FieldChange::Stay => Ok(known),
        FieldChange::Clear => Ok(None),
        FieldChange::Set(text) => time::parse(text).map(Some).ok_or_else(|| {
            EngineError::Invalid(format!("Invalid {name}: '{text}' is not an ISO-8601 date or date-time."))
        }),
    }
}

impl Edit {
    /// Whether it changes nothing.
    fn is_so_already(&self, fact: &StoredFact) -> bool {
        // The database counts in microseconds.
        let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
        self.text.is_none()
            && self.entities.is_none()
            && fact_type_code(self.fact_type) == fact.fact_type
            && self.context == fact.context
            && micros(self.occurred_start) == micros(fact.occurred_start)
            && micros(self.occurred_end) == micros(fact.occurred_end)
            && micros(self.mentioned_at) == micros(fact.mentioned_at)
    }
}
