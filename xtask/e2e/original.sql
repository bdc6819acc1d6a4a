-- What a database of the original looks like from outside: its bookkeeping, and tables with vectors in them.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6');
CREATE TABLE banks (bank_id text PRIMARY KEY, name text, disposition jsonb NOT NULL, created_at timestamptz NOT NULL);
INSERT INTO banks VALUES ('users', 'Users', '{"skepticism": 3, "literalism": 3, "empathy": 3}', '2025-03-01T10:00:00Z');
CREATE TABLE documents (
    id text, bank_id text REFERENCES banks ON DELETE CASCADE, original_text text, PRIMARY KEY (id, bank_id)
);
INSERT INTO documents VALUES ('talk', 'users', 'Alice works at Google'), ('ü', 'users', NULL);
CREATE TABLE memory_units (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), bank_id text NOT NULL, text text NOT NULL,
    embedding vector(384), event_date timestamptz
);
INSERT INTO memory_units (bank_id, text, embedding, event_date)
    SELECT 'users', 'memory ' || n, (SELECT array_agg(sin(n * d))::vector FROM generate_series(1, 384) d),
           '2025-03-01'::timestamptz + n * interval '1 day'
    FROM generate_series(1, 50) n;
CREATE INDEX memory_units_embedding ON memory_units USING hnsw (embedding vector_cosine_ops);
CREATE INDEX memory_units_text ON memory_units USING gin (text gin_trgm_ops);
