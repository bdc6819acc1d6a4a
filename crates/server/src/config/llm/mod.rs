//! Which language models a server asks for what, and how.

mod providers;
mod scope;
mod strategy;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hindsight_models::ApiKey;
use hindsight_models::llm::{LlmOptions, ModelOptions, Order, RouteOptions, SchemaKeywords};
use hindsight_types::settings::{Reader, Setting, SettingError};
use serde_json::{Map, Value, json};
use url::Url;

use self::providers::{Kind, Provider};
pub(super) use self::scope::is_of_scope;
use self::scope::{OPERATIONS, Scope, first_given};
use super::rerank::url;
use super::{seconds, table};

/// Longest wait for an answer to a question, where nobody says.
const REFLECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Words for a temperature that is not sent.
const NO_TEMPERATURE: [&str; 4] = ["none", "default", "off", "unset"];

/// Who is asked at which place, and as whom.
#[derive(Clone)]
struct Account {
    provider: &'static Provider,
    key: Option<ApiKey>,
    url: Option<Url>,
    model: String,
    headers: Vec<(String, ApiKey)>,
    extra_body: Map<String, Value>,
    effort: Option<String>,
}

/// Settings that hold for all models.
struct Common {
    strict: [Option<bool>; 3],
    json_mode: Option<bool>,
    cache: bool,
    /// Whether conversations of reflect may be kept too.
    reflect_cache: bool,
    groq_tier: Option<String>,
    openai_tier: Option<String>,
    gemini_safety: Option<Value>,
    openai_key: Option<String>,
}

/// The chosen language models; none where the server is to do without. What has to be told about
/// that is added to `remarks`.
#[expect(clippy::too_many_lines, reason = "one kind of calls after the other, with what they share")]
pub(super) fn read(
    lookup: &dyn Fn(&str) -> Option<String>,
    remarks: &mut Vec<String>,
) -> Result<Option<LlmOptions>, SettingError> {
    let base = Scope::base(lookup);
    let reader = Reader::new(lookup);
    // Read even where no model is wanted, so that what is not usable is told before it counts.
    let common = Common::read(&reader)?;
    let llm = |retain, reflect, consolidation, mental_model_refresh| -> Result<LlmOptions, SettingError> {
        Ok(LlmOptions {
            retain_with_media: RouteOptions::clone(&retain),
            sees_media: true,
            retain,
            reflect,
            consolidation,
            mental_model_refresh,
            max_concurrent: reader.positive::<u32>(&table::LLM_MAX_CONCURRENT)? as usize,
            connect_timeout: some_time(&reader, &table::LLM_CONNECT_TIMEOUT)?,
            keywords: SchemaKeywords {
                max_items: reader.flag(&table::LLM_SUPPORTS_MAX_ITEMS)?,
                pattern: reader.flag(&table::LLM_SUPPORTS_STRING_PATTERN)?,
            },
        })
    };
    let is_off = reader.given(&table::LLM_PROVIDER).is_some_and(|provider| provider == "none");
    let chosen = OPERATIONS.map(|operation| base.operation(operation));
    if is_off && let Some(scope) = chosen.iter().find(|scope| scope.given(&table::LLM_PROVIDER).is_some()) {
        let problem = "it is none, which is for all calls together, and another place chooses a model; leave one of them out";
        return Err(scope.told(table::LLM_PROVIDER.refuse(problem)));
    }
    let account = if is_off { None } else { Account::read(base, None)? };
    let account = account.as_ref();
    let [retain, reflect, consolidation, refresh] = chosen;
    let accounts = if is_off {
        [const { None }; 4]
    } else {
        let of = |scope: Scope<'_>| Account::read(scope, account).map_err(|error| scope.told(error));
        let for_reflect = of(reflect)?;
        let for_refresh =
            Account::read(refresh, for_reflect.as_ref()).map_err(|error| refresh.told(error))?;
        [of(retain)?, for_reflect, of(consolidation)?, for_refresh]
    };
    // Without a model of its own a kind is read as if for this one, for the form of its settings.
    let stand_in = Account::of(providers::named("openai")?);
    let routes = [
        (vec![retain, base], &table::LLM_TEMPERATURE_RETAIN, common.strict[0], true),
        (vec![reflect, base], &table::LLM_TEMPERATURE_REFLECT, common.strict[1], common.reflect_cache),
        (vec![consolidation, base], &table::LLM_TEMPERATURE_CONSOLIDATION, common.strict[2], true),
        (
            vec![refresh, reflect, base],
            &table::LLM_TEMPERATURE_MENTAL_MODEL_REFRESH,
            common.strict[1],
            common.reflect_cache,
        ),
    ];
    let mut read = Vec::new();
    for ((scopes, temperature, strict, cache), account) in routes.iter().zip(&accounts) {
        let account = account.as_ref();
        let route = Route {
            scopes,
            temperature,
            strict: *strict,
            cache: common.cache && *cache,
            common: &common,
            is_wanted: account.is_some(),
        };
        read.push(route.read(account.unwrap_or(&stand_in))?);
    }
    let Ok([for_retain, reflect, consolidation, refresh]) = <[RouteOptions; 4]>::try_from(read) else {
        return Ok(None);
    };
    let [of_retain, ..] = &accounts;
    let has_own = base.media().has_any();
    let with_media = match of_retain.as_ref().filter(|_| has_own) {
        Some(account) => with_media(base, retain, account, &for_retain, &common)?,
        None => for_retain.clone(),
    };
    let sees_media = match reader.given(&table::LLM_VISION) {
        Some(_) => reader.flag(&table::LLM_VISION)?,
        None => with_media.models.iter().all(|model| providers::sees(&model.model)),
    };
    let llm = LlmOptions {
        retain_with_media: with_media,
        sees_media,
        ..llm(for_retain, reflect, consolidation, refresh)?
    };
    let with_model: Vec<_> = accounts.iter().map(Option::is_some).collect();
    if with_model.iter().all(|has| *has) {
        return Ok(Some(llm));
    }
    if with_model.iter().any(|has| *has) {
        let without = OPERATIONS.iter().zip(&with_model).filter(|(_, has)| !**has).map(|(name, _)| *name);
        let without: Vec<_> = without.collect();
        return Err(table::LLM_PROVIDER.refuse(format!(
            "there is a model for some calls and none for {}; set it, or HINDSIGHT_API_{}_LLM_PROVIDER too",
            without.join(", "),
            without.first().copied().unwrap_or_default()
        )));
    }
    for model in [&table::LLM_MODEL, &table::VLM_MODEL, &table::VLM_PROVIDER] {
        if !is_off && reader.given(model).is_some() {
            remarks.push(format!(
                "{} has no effect without {} or {}",
                model.name,
                table::LLM_PROVIDER.name,
                table::LLM_API_KEY.name
            ));
        }
    }
    Ok(None)
}

/// Who reads texts with pictures and files in them: as the others, whose route is `texts`, or a
/// model of its own.
fn with_media(
    base: Scope<'_>,
    retain: Scope<'_>,
    account: &Account,
    texts: &RouteOptions,
    common: &Common,
) -> Result<RouteOptions, SettingError> {
    let media = base.media();
    let told = |error| media.told(error);
    let Some(account) = Account::read(media, Some(account)).map_err(told)? else {
        return Ok(texts.clone());
    };
    let scopes = [media, retain, base];
    let route = Route {
        scopes: &scopes,
        temperature: &table::LLM_TEMPERATURE_RETAIN,
        strict: common.strict[0],
        cache: common.cache,
        common,
        is_wanted: true,
    };
    Ok(RouteOptions {
        models: vec![route.model(&account, &scopes)?],
        order: Order::Failover,
        ..texts.clone()
    })
}

impl Common {
    fn read(reader: &Reader) -> Result<Self, SettingError> {
        let optional_flag = |setting: &Setting| match reader.given(setting) {
            Some(_) => reader.flag(setting).map(Some),
            None => Ok(None),
        };
        let general = optional_flag(&table::LLM_STRICT_SCHEMA)?;
        let strict = |setting| optional_flag(setting).map(|own| own.or(general));
        let openai_tier = reader.text(&table::LLM_OPENAI_SERVICE_TIER);
        let gemini_safety = reader.given(&table::LLM_GEMINI_SAFETY_SETTINGS);
        let gemini_safety = gemini_safety.map(|text| serde_json::from_str::<Vec<Value>>(&text));
        Ok(Self {
            strict: [
                strict(&table::LLM_STRICT_SCHEMA_RETAIN)?,
                strict(&table::LLM_STRICT_SCHEMA_REFLECT)?,
                strict(&table::LLM_STRICT_SCHEMA_CONSOLIDATION)?,
            ],
            json_mode: optional_flag(&table::LLM_JSON_MODE)?,
            cache: reader.flag(&table::LLM_PROMPT_CACHE)?,
            reflect_cache: reader.flag(&table::REFLECT_PROMPT_CACHE)?,
            groq_tier: reader.text(&table::LLM_GROQ_SERVICE_TIER),
            openai_tier,
            gemini_safety: gemini_safety.transpose().map(|list| list.map(Value::Array)).map_err(|_| {
                let setting = &table::LLM_GEMINI_SAFETY_SETTINGS;
                setting.refuse(format!("not usable; give {}", setting.values))
            })?,
            openai_key: reader.given(&table::OPENAI_API_KEY),
        })
    }

    /// What goes into the body of every call of this provider.
    fn body(&self, provider: &Provider) -> Map<String, Value> {
        let mut body = Map::new();
        let tier = match provider.name {
            "groq" => self.groq_tier.as_ref(),
            "openai" => self.openai_tier.as_ref(),
            _ => None,
        };
        if let Some(tier) = tier {
            body.insert("service_tier".to_owned(), json!(tier));
        }
        if let Some(safety) = self.gemini_safety.as_ref().filter(|_| provider.kind == Kind::Gemini) {
            body.insert("safetySettings".to_owned(), safety.clone());
        }
        body
    }
}

impl Account {
    fn of(provider: &'static Provider) -> Self {
        Self {
            provider,
            key: None,
            url: None,
            model: provider.model.to_owned(),
            headers: Vec::new(),
            extra_body: Map::new(),
            effort: None,
        }
    }

    /// Who is asked by the settings of a place, over what a wider place says. Whatever belongs to
    /// an account is taken over for the same provider only: a key is nobody else's business.
    fn read(scope: Scope<'_>, wider: Option<&Self>) -> Result<Option<Self>, SettingError> {
        let chosen = scope.given(&table::LLM_PROVIDER);
        if scope.given(&table::LLM_PROVIDER).as_deref() == Some("none") {
            return Err(
                table::LLM_PROVIDER.refuse("none is for all calls together; set it without the name of one")
            );
        }
        let own_key = scope.given(&table::LLM_API_KEY).map(ApiKey::new);
        let own_url = scope.reading(|reader| url(reader, &table::LLM_BASE_URL))?;
        let headers = object(scope, &table::LLM_DEFAULT_HEADERS)?.map(headers).transpose()?;
        let extra_body = object(scope, &table::LLM_EXTRA_BODY)?;
        let model = scope.given(&table::LLM_MODEL);
        let effort = scope.given(&table::LLM_REASONING_EFFORT);
        let is_meant = chosen.is_some() || own_key.is_some() || own_url.is_some();
        let provider = match (&chosen, wider) {
            (Some(name), _) => providers::named(name)?,
            (None, Some(wider)) => wider.provider,
            // One key, or one URL, is for what most of them are for.
            (None, None) if is_meant => providers::named("openai")?,
            (None, None) => return Ok(None),
        };
        let same = wider.filter(|wider| wider.provider == provider).cloned();
        let same = same.unwrap_or_else(|| Self::of(provider));
        let default_model = chosen.map(|_| provider.model.to_owned());
        Ok(Some(Self {
            provider,
            key: own_key.or(same.key),
            url: own_url.or(same.url),
            model: model.or(default_model).unwrap_or(same.model),
            headers: headers.unwrap_or(same.headers),
            extra_body: extra_body.unwrap_or(same.extra_body),
            effort: effort.or(same.effort),
        }))
    }
}

/// A number of seconds in which something can happen.
fn some_time(reader: &Reader, setting: &Setting) -> Result<Duration, SettingError> {
    let time = seconds(reader, setting)?;
    if time.is_zero() { Err(setting.refuse(format!("too small; give {}", setting.values))) } else { Ok(time) }
}

/// A setting that is a JSON object.
fn object(scope: Scope<'_>, setting: &Setting) -> Result<Option<Map<String, Value>>, SettingError> {
    let Some(text) = scope.given(setting) else { return Ok(None) };
    // Not the text: it may hold a key.
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|_| setting.refuse(format!("not usable; give {}", setting.values)))
}

fn headers(object: Map<String, Value>) -> Result<Vec<(String, ApiKey)>, SettingError> {
    let header = |(name, value): (String, Value)| match value {
        Value::String(value) => Ok((name, ApiKey::new(value))),
        _ => Err(table::LLM_DEFAULT_HEADERS.refuse(format!("the value of {name} is no text"))),
    };
    object.into_iter().map(header).collect()
}

/// Where the settings for calls of one kind stand.
struct Route<'r> {
    /// The narrowest first; the last holds for all calls.
    scopes: &'r [Scope<'r>],
    temperature: &'r Setting,
    strict: Option<bool>,
    /// Whether a provider may keep the beginning of conversations.
    cache: bool,
    common: &'r Common,
    /// Whether there is a model for these calls; else only their form is looked at.
    is_wanted: bool,
}

impl Route<'_> {
    fn read(&self, account: &Account) -> Result<RouteOptions, SettingError> {
        let mut models = vec![self.model(account, self.scopes)?];
        // Calls with a row of their own don't go on into that for all.
        let row = self.scopes.iter().find(|scope| scope.member(1).has_any() || scope.member(2).has_any());
        if let Some(row) = row.filter(|_| self.is_wanted) {
            let mut number = 1;
            while has_member(*row, number) {
                let member = row.member(number);
                let next = Account::read(member, Some(account)).map_err(|error| member.told(error))?;
                let mut scopes = vec![member];
                scopes.extend_from_slice(self.scopes);
                if let Some(next) = next {
                    models.push(self.model(&next, &scopes)?);
                }
                number += 1;
            }
            if [number, number + 1].iter().any(|number| row.member(*number).has_any()) {
                return Err(row.member(number).told(table::LLM_PROVIDER.refuse(format!(
                    "there are settings for a model in a row, but no provider has number {number}; set it, and number them from 1 without a gap"
                ))));
            }
        }
        let strategy = first_given(self.scopes, &table::LLM_STRATEGY, |reader| {
            let models = self.is_wanted.then_some(models.len());
            strategy::read(reader.given(&table::LLM_STRATEGY).as_deref(), models)
        });
        let (order, cooldown) = strategy?;
        let own = self.scopes.split_last().map_or(self.scopes, |(_, own)| own);
        let is_given = |scope: &&Scope<'_>| scope.given(&table::LLM_MAX_CONCURRENT).is_some();
        let max_concurrent = own.iter().find(is_given).map(|scope| {
            let read = |reader: &Reader| reader.positive::<u32>(&table::LLM_MAX_CONCURRENT);
            scope.reading(read).map_err(|error| scope.told(error))
        });
        Ok(RouteOptions {
            models,
            order,
            cooldown,
            max_concurrent: max_concurrent.transpose()?.map(|most| most as usize),
            temperature: self.temperature()?,
        })
    }

    fn model(&self, account: &Account, scopes: &[Scope<'_>]) -> Result<ModelOptions, SettingError> {
        let provider = account.provider;
        let place = |error: SettingError| scopes.first().map_or(error.clone(), |scope| scope.told(error));
        let url = match &account.url {
            Some(url) => url.clone(),
            None => {
                Url::parse(provider.url).map_err(|error| table::LLM_BASE_URL.refuse(error.to_string()))?
            }
        };
        // The key that everybody has in the environment is for one place only.
        let is_openai = provider.name == "openai" && account.url.is_none();
        let everybodys = self.common.openai_key.clone().filter(|_| is_openai).map(ApiKey::new);
        let key = account.key.clone().or(everybodys);
        if key.is_none() && self.is_wanted && provider.is_closed && !providers::is_near(&url) {
            return Err(place(table::LLM_API_KEY.refuse(format!(
                "the language model of {} needs a key; set one, or {}=none to go on without a model",
                provider.name,
                table::LLM_PROVIDER.name
            ))));
        }
        let mut extra_body = self.common.body(provider);
        extra_body.extend(account.extra_body.clone());
        let value = |setting| first_given(scopes, setting, |reader| seconds(reader, setting));
        Ok(ModelOptions {
            provider: provider.name.to_owned(),
            model: account.model.clone(),
            dialect: provider.dialect(self.cache, &url),
            url,
            key,
            headers: account.headers.clone(),
            extra_body,
            reasoning_effort: account.effort.clone(),
            json: provider.json(self.strict, self.common.json_mode),
            timeout: self.timeout(scopes)?,
            retries: self.retries(scopes)?,
            initial_backoff: value(&table::LLM_INITIAL_BACKOFF)?,
            max_backoff: value(&table::LLM_MAX_BACKOFF)?,
        })
    }

    /// Further attempts of a call. Those for observations may be told by the number of all attempts.
    fn retries(&self, scopes: &[Scope<'_>]) -> Result<usize, SettingError> {
        let (setting, attempts) = (&table::LLM_MAX_RETRIES, &table::CONSOLIDATION_MAX_ATTEMPTS);
        let is_consolidation = self.temperature.name == table::LLM_TEMPERATURE_CONSOLIDATION.name;
        if let Some((base, own)) = scopes.split_last().filter(|_| is_consolidation) {
            let is_given = own.iter().any(|scope| scope.given(setting).is_some());
            if !is_given && base.given(attempts).is_some() {
                return base.reading(|reader| reader.positive::<usize>(attempts)).map(|all| all - 1);
            }
        }
        first_given(scopes, setting, |reader| reader.value(setting))
    }

    /// People wait for an answer to a question, so that is given less time unless somebody says.
    fn timeout(&self, scopes: &[Scope<'_>]) -> Result<Duration, SettingError> {
        let setting = &table::LLM_TIMEOUT;
        let is_given = scopes.iter().any(|scope| scope.given(setting).is_some());
        let is_reflect = self.temperature.name == table::LLM_TEMPERATURE_REFLECT.name
            || self.temperature.name == table::LLM_TEMPERATURE_MENTAL_MODEL_REFRESH.name;
        let timeout = first_given(scopes, setting, |reader| some_time(reader, setting))?;
        Ok(if is_reflect && !is_given { REFLECT_TIMEOUT } else { timeout })
    }

    fn temperature(&self) -> Result<Option<f64>, SettingError> {
        let Some(base) = self.scopes.last() else { return Ok(None) };
        let as_consolidation = &table::LLM_TEMPERATURE_CONSOLIDATION;
        base.reading(|reader| {
            let given = [self.temperature, &table::LLM_TEMPERATURE]
                .into_iter()
                .find(|setting| reader.given(setting).is_some());
            let has_default = !self.temperature.default.is_empty();
            let setting = given.unwrap_or(if has_default { self.temperature } else { as_consolidation });
            let text: String = reader.value(setting)?;
            if NO_TEMPERATURE.contains(&text.to_ascii_lowercase().as_str()) {
                return Ok(None);
            }
            let value = text.parse().ok().filter(|value: &f64| (0.0..=2.0).contains(value));
            value.map(Some).ok_or_else(|| setting.unusable(&text))
        })
    }
}

fn has_member(scope: Scope<'_>, number: usize) -> bool {
    scope.member(number).given(&table::LLM_PROVIDER).is_some()
}
