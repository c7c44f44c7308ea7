package catalog

import "context"

// The name of a watcher's connection says that there is a proxy to be waited for, and
// what it knows. A pooler of transactions would give it to others: between two looks
// the server process gets their names, so that nobody waits for the proxy, and where the
// watcher does not come again its name stays, so that everybody does. So behind a pooler
// (the client is told of another process than the one that answers) the name stands on
// a connection of its own, in a transaction that does not end: for so long every pooler
// keeps a server process for it, and ends that with the connection.

// dropAnchor makes that connection.
func (w *Watcher) dropAnchor(ctx context.Context) error {
	conn, err := w.connect(ctx)
	if err != nil {
		return err
	}
	w.anchor = conn
	// Nothing is read in it, so that it holds neither locks nor rows.
	if _, err := conn.Exec(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY`); err != nil {
		return err
	}
	var backend uint32
	const stay = `SELECT pg_catalog.pg_backend_pid(), pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true),
		CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
			THEN pg_catalog.set_config('transaction_timeout', '0', true) END`
	if err := conn.QueryRow(ctx, stay).Scan(&backend, nil, nil); err != nil {
		return err
	}
	w.backends = append(w.backends, backend)
	return w.nameAnchor(ctx, watcherName)
}

func (w *Watcher) nameAnchor(ctx context.Context, name string) error {
	_, err := w.anchor.Exec(ctx, `SELECT pg_catalog.set_config('application_name', $1, true)`, name)
	return err
}
