"""The tables of version 1, as statements in the order in which they are run. A released schema never changes here.

Moments are ISO-8601 text in UTC; lists and objects are JSON text. `body` of a message is its plain text, the one thing
the full-text index holds. A child names its parent together with the conversation, so no message can hang on another
chat's.
"""

from __future__ import annotations

CONVERSATIONS = (
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL CHECK (length(owner_id) BETWEEN 1 AND 255),
        title TEXT NOT NULL DEFAULT '',
        title_edited INTEGER NOT NULL DEFAULT 0 CHECK (title_edited IN (0, 1)),
        pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
        folder TEXT NOT NULL DEFAULT '',
        persona TEXT NOT NULL DEFAULT '',
        model TEXT NOT NULL DEFAULT '',
        mode TEXT NOT NULL DEFAULT 'chat' CHECK (mode IN ('chat', 'act')),
        summary TEXT NOT NULL DEFAULT '',
        snippet TEXT NOT NULL DEFAULT '',
        message_count INTEGER NOT NULL DEFAULT 0,
        unread INTEGER NOT NULL DEFAULT 0 CHECK (unread IN (0, 1)),
        leaf_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
        draft TEXT NOT NULL DEFAULT '',
        scroll TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        deleted_at TEXT
    ) STRICT
    """,
    "CREATE INDEX conversations_listed ON conversations (owner_id, deleted_at, updated_at, id)",
    "CREATE INDEX conversations_pinned ON conversations (owner_id, updated_at) WHERE pinned AND deleted_at IS NULL",
    "CREATE INDEX conversations_leaf ON conversations (leaf_id)",
)

MESSAGES = (
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL CHECK (length(owner_id) BETWEEN 1 AND 255),
        conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent_id INTEGER,
        chosen_child_id INTEGER REFERENCES messages (id) ON DELETE SET NULL,
        sequence INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (length(role) <= 50 AND role IN ('system', 'user', 'assistant')),
        parts TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        tool_calls TEXT,
        body TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL CHECK (status IN ('streaming', 'complete', 'interrupted', 'stopped', 'error')),
        model TEXT NOT NULL DEFAULT '',
        source TEXT,
        usage TEXT,
        first_token_seconds REAL,
        seconds REAL,
        process TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL,
        UNIQUE (conversation_id, sequence),
        UNIQUE (id, conversation_id),
        FOREIGN KEY (parent_id, conversation_id) REFERENCES messages (id, conversation_id)
            DEFERRABLE INITIALLY DEFERRED
    ) STRICT
    """,
    "CREATE INDEX messages_in_time ON messages (conversation_id, created_at, sequence)",
    "CREATE INDEX messages_of_parent ON messages (conversation_id, parent_id, sequence)",
    "CREATE INDEX messages_parent ON messages (parent_id, conversation_id)",
    "CREATE INDEX messages_chosen ON messages (chosen_child_id) WHERE chosen_child_id IS NOT NULL",
    "CREATE INDEX messages_streaming ON messages (process) WHERE status = 'streaming'",
    """
    CREATE TABLE answer_deltas (
        message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        appended TEXT NOT NULL,
        parts TEXT NOT NULL,
        PRIMARY KEY (message_id, number)
    ) STRICT, WITHOUT ROWID
    """,
)

FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE messages_text USING fts5 (
        body, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER messages_text_insert AFTER INSERT ON messages BEGIN
        INSERT INTO messages_text (rowid, body) VALUES (new.id, new.body);
    END
    """,
    """
    CREATE TRIGGER messages_text_delete AFTER DELETE ON messages BEGIN
        INSERT INTO messages_text (messages_text, rowid, body) VALUES ('delete', old.id, old.body);
    END
    """,
    """
    CREATE TRIGGER messages_text_update AFTER UPDATE OF body ON messages WHEN new.body <> old.body BEGIN
        INSERT INTO messages_text (messages_text, rowid, body) VALUES ('delete', old.id, old.body);
        INSERT INTO messages_text (rowid, body) VALUES (new.id, new.body);
    END
    """,
    """
    CREATE VIRTUAL TABLE titles_text USING fts5 (
        title, content = 'conversations', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER titles_text_insert AFTER INSERT ON conversations BEGIN
        INSERT INTO titles_text (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER titles_text_delete AFTER DELETE ON conversations BEGIN
        INSERT INTO titles_text (titles_text, rowid, title) VALUES ('delete', old.id, old.title);
    END
    """,
    """
    CREATE TRIGGER titles_text_update AFTER UPDATE OF title ON conversations WHEN new.title <> old.title BEGIN
        INSERT INTO titles_text (titles_text, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO titles_text (rowid, title) VALUES (new.id, new.title);
    END
    """,
)

TASKS = (
    """
    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL CHECK (length(owner_id) BETWEEN 1 AND 255),
        title TEXT NOT NULL CHECK (length(title) >= 1),
        description TEXT NOT NULL DEFAULT '',
        completed INTEGER NOT NULL DEFAULT 0 CHECK (completed IN (0, 1)),
        priority TEXT NOT NULL DEFAULT 'none' CHECK (priority IN ('low', 'medium', 'high', 'none')),
        due_date TEXT,
        due_time TEXT CHECK (due_time IS NULL OR due_date IS NOT NULL),
        due_zone TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        recurrence TEXT NOT NULL DEFAULT '',
        position REAL NOT NULL,
        conversation_id INTEGER REFERENCES conversations (id) ON DELETE SET NULL,
        version INTEGER NOT NULL DEFAULT 1,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        completed_at TEXT,
        deleted_at TEXT
    ) STRICT
    """,
    "CREATE INDEX tasks_listed ON tasks (owner_id, deleted_at, created_at, id)",
    "CREATE INDEX tasks_due ON tasks (owner_id, due_date, due_time) WHERE due_date IS NOT NULL AND deleted_at IS NULL",
    "CREATE INDEX tasks_conversation ON tasks (conversation_id) WHERE conversation_id IS NOT NULL",
    """
    CREATE TABLE task_history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL,
        batch TEXT NOT NULL,
        actor TEXT NOT NULL,
        task_id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
        before TEXT,
        at TEXT NOT NULL,
        undone_at TEXT
    ) STRICT
    """,
    "CREATE INDEX task_history_batch ON task_history (owner_id, batch)",
    "CREATE INDEX task_history_task ON task_history (task_id, id)",
)

RECORDS = (
    """
    CREATE TABLE settings (
        owner_id TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (owner_id, id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL,
        conversation_id INTEGER REFERENCES conversations (id) ON DELETE CASCADE,
        message_id INTEGER REFERENCES messages (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX events_conversation ON events (conversation_id, id)",
    "CREATE INDEX events_message ON events (message_id)",
    """
    CREATE TABLE audit_log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner_id TEXT NOT NULL,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        actor TEXT NOT NULL,
        details TEXT NOT NULL,
        digest TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TRIGGER audit_log_keeps BEFORE UPDATE ON audit_log BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only');
    END
    """,
    """
    CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only');
    END
    """,
    """
    CREATE TABLE turns (
        id TEXT PRIMARY KEY,
        owner_id TEXT NOT NULL,
        conversation_id INTEGER REFERENCES conversations (id) ON DELETE CASCADE,
        answer_id INTEGER REFERENCES messages (id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        model TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL,
        started_at TEXT NOT NULL,
        seconds REAL,
        steps TEXT NOT NULL DEFAULT '[]',
        usage TEXT
    ) STRICT
    """,
    "CREATE INDEX turns_conversation ON turns (conversation_id, started_at)",
    "CREATE INDEX turns_answer ON turns (answer_id)",
    """
    CREATE TABLE tool_results (
        id TEXT PRIMARY KEY,
        owner_id TEXT NOT NULL,
        conversation_id INTEGER REFERENCES conversations (id) ON DELETE CASCADE,
        content TEXT NOT NULL,
        characters INTEGER NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX tool_results_conversation ON tool_results (conversation_id)",
)

FIRST_SCHEMA: tuple[str, ...] = (*CONVERSATIONS, *MESSAGES, *FULL_TEXT, *TASKS, *RECORDS)
