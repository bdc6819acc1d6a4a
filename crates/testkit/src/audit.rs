//! Whether the rows of a database of memories fit together: what no constraint can say,
//! because it is kept by the code that writes.

use std::path::Path;

use anyhow::{Context, Result};
use hindsight_pg::{InstanceUrl, Instances, Layout, Options};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use crate::database::SEARCH_PATH;

/// Sentences that must hold, each with a query for the number of rows against it.
const RULES: [(&str, &str); 28] = [
    (
        "a bank's counter of memories is their number",
        "select count(*) from bank_state s where s.memories
           is distinct from (select count(*) from memories m where m.bank_key = s.bank_key)",
    ),
    (
        "a bank's sum of lengths is that of its postings",
        "select count(*) from bank_state s where s.term_length is distinct from
           (select coalesce(sum(length), 0) from (select distinct memory_id, length from memory_terms t
              where t.bank_key = s.bank_key) lengths)",
    ),
    ("every bank has counters", "select count(*) from banks b where not exists
        (select 1 from bank_state s where s.bank_key = b.bank_key)"),
    (
        "the document frequency of a term is the number of its postings",
        "select count(*) from (select bank_key, term, count(*) n from memory_terms group by 1, 2) p
           full join (select * from term_stats where df <> 0) s using (bank_key, term)
           where p.n is distinct from s.df",
    ),
    (
        "the mentions of an entity are the memories that mention it",
        "select count(*) from (select bank_key, entity_id, count(*) n from memory_entities group by 1, 2) p
           full join (select * from entity_stats where mentions <> 0) s using (bank_key, entity_id)
           where p.n is distinct from s.mentions",
    ),
    (
        "a posting belongs to a memory",
        "select count(*) from memory_terms t where not exists
           (select 1 from memories m where (m.bank_key, m.memory_id) = (t.bank_key, t.memory_id))",
    ),
    (
        "a mention belongs to a memory and an entity",
        "select count(*) from memory_entities e where not exists
           (select 1 from memories m where (m.bank_key, m.memory_id) = (e.bank_key, e.memory_id))
           or not exists (select 1 from entities n where (n.bank_key, n.entity_id) = (e.bank_key, e.entity_id))",
    ),
    (
        "a link joins two memories",
        "select count(*) from memory_links l where not exists
           (select 1 from memories m where (m.bank_key, m.memory_id) = (l.bank_key, l.memory_id))
           or not exists (select 1 from memories m where (m.bank_key, m.memory_id) = (l.bank_key, l.other_id))",
    ),
    (
        "a memory has its vector and its state",
        "select count(*) from memories m where not exists
           (select 1 from memory_vectors v where (v.bank_key, v.memory_id) = (m.bank_key, m.memory_id))
           or not exists (select 1 from memory_state s where (s.bank_key, s.memory_id) = (m.bank_key, m.memory_id))",
    ),
    (
        "every memory of a document has a number of its own",
        "select count(*) from (select bank_key, document_id from (
             select bank_key, document_id, ordinal from memories
             union all select bank_key, document_id, ordinal from archived_memories) m
           where document_id is not null
           group by 1, 2 having min(ordinal) < 0 or count(distinct ordinal) <> count(*)) d",
    ),
    (
        "the memories of a document stand in the order of its chunks",
        "select count(*) from (select chunk_index < max(chunk_index) over (partition by bank_key, document_id
           order by ordinal) as is_behind from (
             select bank_key, document_id, chunk_index, ordinal from memories
             union all select bank_key, document_id, chunk_index, ordinal from archived_memories) m
           where document_id is not null) o where is_behind",
    ),
    (
        "a memory has the same tags wherever they are written, those of its labels among them",
        "select count(*) from memories m join memory_vectors v using (bank_key, memory_id)
           where m.tags <> v.tags or not m.tags @> m.label_tags",
    ),
    (
        "a chunk belongs to an item of its document",
        "select count(*) from chunks c join documents d using (bank_key, document_id)
           where jsonb_typeof(d.parts) = 'array' and c.part >= jsonb_array_length(d.parts)",
    ),
    (
        "the chunks of a document are numbered without a gap",
        "select count(*) from (select bank_key, document_id from chunks group by 1, 2
           having min(chunk_index) <> 0 or max(chunk_index) <> count(*) - 1) d",
    ),
    (
        "a memory's chunk is there",
        "select count(*) from (select bank_key, document_id, chunk_index from memories
             union all select bank_key, document_id, chunk_index from archived_memories) m
           where chunk_index is not null and not exists
           (select 1 from chunks c where (c.bank_key, c.document_id, c.chunk_index)
              = (m.bank_key, m.document_id, m.chunk_index))",
    ),
    (
        "an observation is made of facts that are there, each once",
        "select count(*) from memories o where o.fact_type = 3 and (coalesce(cardinality(o.source_ids), 0) = 0
           or (select count(distinct f.memory_id) from memories f where f.bank_key = o.bank_key
                 and f.fact_type < 3 and f.memory_id = any(o.source_ids)) <> cardinality(o.source_ids))",
    ),
    (
        "the proofs of an observation are its facts",
        "select count(*) from memories o join memory_state s using (bank_key, memory_id)
           where o.fact_type = 3 and s.proof_count <> cardinality(o.source_ids)",
    ),
    (
        "an observation has tags that its facts may go to",
        "select count(*) from memories o join memories f on f.bank_key = o.bank_key and f.memory_id = any(o.source_ids)
           where o.fact_type = 3 and jsonb_typeof(f.observation_scopes) is distinct from 'array'
             and not (o.tags <@ f.tags)",
    ),
    (
        "an observation never waits to go into one",
        "select count(*) from memories o join memory_state s using (bank_key, memory_id)
           where o.fact_type = 3 and s.consolidated_at is null",
    ),
    (
        "only observations have former versions",
        "select count(*) from observation_history h where not exists
           (select 1 from memories m where (m.bank_key, m.memory_id) = (h.bank_key, h.memory_id) and m.fact_type = 3)",
    ),
    (
        "a former version rests on facts that are there",
        "select count(*) from observation_history h cross join lateral unnest(h.previous_source_ids) s(memory_id)
           where not exists (select 1 from memories f where (f.bank_key, f.memory_id) = (h.bank_key, s.memory_id)
             and f.fact_type < 3)",
    ),
    (
        "so does an observation that was withdrawn",
        "select count(*) from withdrawn_observations w cross join lateral unnest(w.fact_ids) s(memory_id)
           where not exists (select 1 from memories f where (f.bank_key, f.memory_id) = (w.bank_key, s.memory_id)
             and f.fact_type < 3)",
    ),
    (
        "an observation that was withdrawn is not there",
        "select count(*) from withdrawn_observations w join memories m using (bank_key, memory_id)",
    ),
    (
        "an attachment has its mark in the text of its document",
        "select count(*) from attachments a join documents d using (bank_key, document_id)
           where d.body is not null and strpos(d.body, '⟦hs-att:' || a.attachment_id || '⟧') = 0",
    ),
    (
        "what a memory was read from is attached to its document",
        "select count(*) from memories m cross join lateral unnest(m.attachment_ids) i(attachment_id)
           where not exists (select 1 from attachments a where (a.bank_key, a.document_id, a.attachment_id)
             = (m.bank_key, m.document_id, i.attachment_id))",
    ),
    (
        "a place in a conversation is taken once",
        "select count(*) from (select bank_key, stream_id, stream_pos from (
             select bank_key, stream_id, stream_pos from memory_vectors
             union all select bank_key, stream_id, stream_pos from archived_memories) v
           where stream_id is not null group by 1, 2, 3 having count(*) > 1) p",
    ),
    (
        "a memory that was declared invalid is none of the others",
        "select count(*) from archived_memories a join memories m using (bank_key, memory_id)",
    ),
    (
        "a memory that was declared invalid has the tags of its labels",
        "select count(*) from archived_memories where not tags @> label_tags",
    ),
];

/// Counts of tables whose every row and every index entry is read.
const COUNTS: [&str; 7] = [
    "select count(*) from memories",
    "select count(*) from memory_vectors",
    "select count(*) from memory_terms",
    "select count(*) from memory_entities",
    "select count(*) from documents",
    "select count(*) from chunks",
    "select count(*) from archived_memories",
];

/// Settings that leave the planner the rows of a table, or its indexes.
const BY_ROWS: &str = "set local enable_indexscan = off; set local enable_indexonlyscan = off";
const BY_INDEX: &str = "set local enable_seqscan = off";

/// What does not fit together in the database behind `url`, in words; empty when all does.
/// Nobody may write meanwhile.
pub async fn audit(url: &str) -> Result<Vec<String>> {
    let options: PgConnectOptions = url.parse().context("the URL of the database")?;
    let mut connection =
        options.options([("search_path", SEARCH_PATH)]).connect().await.context("cannot connect")?;
    let mut problems = Vec::new();
    for (rule, query) in RULES {
        let against: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.context(rule)?;
        if against > 0 {
            problems.push(format!("{rule}: {against} against it"));
        }
    }
    for query in COUNTS {
        let by_rows = count(&mut connection, query, BY_ROWS).await?;
        let by_index = count(&mut connection, query, BY_INDEX).await?;
        if by_rows != by_index {
            problems.push(format!("{query}: {by_rows} rows, {by_index} in the index"));
        }
    }
    connection.close().await?;
    Ok(problems)
}

/// The same for an embedded instance of a home folder, which is started if it does not run.
pub async fn audit_instance(home: &Path, name: &str) -> Result<Vec<String>> {
    let instances = Instances::new(Layout::new(home), Options { fetch: false, ..Options::default() });
    let running = instances.start(&InstanceUrl::named(name)?).await?;
    audit(&running.connection.url()).await
}

async fn count(connection: &mut PgConnection, query: &'static str, settings: &'static str) -> Result<i64> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(settings).execute(&mut *transaction).await?;
    let counted = sqlx::query_scalar(query).fetch_one(&mut *transaction).await;
    transaction.rollback().await?;
    counted.with_context(|| query)
}
