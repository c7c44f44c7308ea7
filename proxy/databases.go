package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/rewrite"
)

// DatabasesConfig is what Databases need to know. The zero value of every field
// but Upstream and KMS is usable.
type DatabasesConfig struct {
	// Upstream is the URL of Config: the role and its password log in to every
	// database that a client uses.
	Upstream string
	// KMS unwraps data keys.
	KMS keystore.KMS
	// Keystore, Cache and Watch are the settings of those packages. Their
	// loggers and callbacks are set here.
	Keystore keystore.Options
	Cache    keycache.Config
	Watch    catalog.WatchOptions
	// Plans is how many plans are kept, for all databases together. Default
	// 10,000.
	Plans int
	// Linger is how long a database stays connected after its last session.
	// Default 2 seconds: DROP DATABASE waits 5 seconds for other connections to
	// go, and ours must not be what stops it.
	Linger time.Duration
	Logger *slog.Logger
}

const (
	defaultPlans  = 10_000
	defaultLinger = 2 * time.Second

	// poolSize is how many connections of a database unwrap keys and carry out
	// jobs. They are made when needed and closed when idle.
	poolSize     = 2
	poolIdleTime = 30 * time.Second
	poolCheck    = 10 * time.Second

	// maxDigests bounds what is kept of databases that are not open any more.
	maxDigests = 10_000

	applicationName = "pgseal"
)

// Databases open the databases of one server for its sessions: each with a
// watcher of its catalog, its key table, and a few connections, which are there
// while sessions use them. The plans and the open keys of all databases share
// one cache each. Open is what Config wants.
type Databases struct {
	config  DatabasesConfig
	base    *pgxpool.Config
	planner *rewrite.Planner
	keys    *keycache.Cache

	mu      sync.Mutex
	open    map[string]*database
	digests map[string]int64 // of the data keys of databases that are or were open
	home    *database        // held by Hold
	closed  bool
	ending  sync.WaitGroup
}

// NewDatabases checks the configuration. It connects to nothing yet.
func NewDatabases(c DatabasesConfig) (*Databases, error) {
	if c.KMS == nil {
		return nil, errors.New("proxy: no KMS was given")
	}
	if c.Plans == 0 {
		c.Plans = defaultPlans
	}
	setDefault(&c.Linger, defaultLinger)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Keystore.Logger, c.Watch.Logger = c.Logger, c.Logger
	if c.Watch.Orders == nil {
		c.Watch.Orders = catalog.NewOrders()
	}
	if _, err := parseUpstream(c.Upstream); err != nil {
		return nil, fmt.Errorf("proxy: the upstream URL is not usable: %w", err)
	}
	base, err := pgxpool.ParseConfig(c.Upstream)
	if err != nil {
		return nil, errors.New("proxy: the upstream URL is not usable: a setting of the connection pool is wrong")
	}
	delete(base.ConnConfig.RuntimeParams, loadBalance)
	base.MinConns, base.MaxConns = 0, poolSize
	base.MaxConnIdleTime, base.HealthCheckPeriod = poolIdleTime, poolCheck
	if base.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		// A pool of transactions would hand prepared statements to others.
		base.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if base.ConnConfig.ConnectTimeout == 0 {
		base.ConnConfig.ConnectTimeout = defaultConnectTimeout
	}
	if _, named := base.ConnConfig.RuntimeParams["application_name"]; !named {
		base.ConnConfig.RuntimeParams["application_name"] = applicationName
	}
	d := &Databases{
		config:  c,
		base:    base,
		planner: rewrite.NewPlanner(c.Plans),
		open:    map[string]*database{},
		digests: map[string]int64{},
	}
	if d.keys, err = keycache.New(d, c.Cache); err != nil {
		return nil, err
	}
	return d, nil
}

// Close erases all keys and ends all connections. Sessions must have ended.
func (d *Databases) Close() {
	d.mu.Lock()
	d.closed = true
	all := d.open
	d.open = nil
	d.mu.Unlock()
	for _, db := range all {
		db.shutDown()
	}
	d.ending.Wait()
	d.keys.Close()
}

var errDatabasesClosed = errors.New("pgseal is shutting down")

// acquire returns a database for one more user.
func (d *Databases) acquire(name string) (*database, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errDatabasesClosed
	}
	db := d.open[name]
	if db == nil {
		var err error
		if db, err = d.connect(name); err != nil {
			return nil, err
		}
		d.open[name] = db
	}
	db.users++
	db.linger.Stop()
	return db, nil
}

// connect prepares a database. The connections are made aside.
func (d *Databases) connect(name string) (*database, error) {
	config := d.base.Copy()
	config.ConnConfig.Database = name
	ctx, stop := context.WithCancel(context.Background())
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		stop()
		return nil, err
	}
	store, err := keystore.New(pool, d.config.KMS, d.config.Keystore)
	if err != nil {
		stop()
		pool.Close()
		return nil, err
	}
	db := &database{
		owner: d,
		name:  name,
		pool:  pool,
		store: store,
		log:   d.config.Logger.With(slog.String("database", name)),
		jobs:  make(chan struct{}, 1),
		stop:  stop,
	}
	db.linger = time.AfterFunc(d.config.Linger, db.unused)
	options := d.config.Watch
	options.OnJobs = db.wakeJobs
	options.Answered = db.sessions.answered
	options.OnKeys = func(digest int64) { d.keysAre(name, digest) }
	db.watcher = catalog.Watch(ctx, func(ctx context.Context) (*pgx.Conn, error) {
		return pgx.ConnectConfig(ctx, config.ConnConfig.Copy())
	}, options)
	db.done.Go(func() { db.runJobs(ctx) })
	return db, nil
}

// keysAre drops a database's keys from the cache where they are no longer those
// of its key table: one was retired or destroyed, or the database was restored,
// or dropped and made anew.
func (d *Databases) keysAre(name string, digest int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, known := d.digests[name]
	switch {
	case known && before != digest:
		d.keys.DropDatabase(name)
	case !known && len(d.digests) >= maxDigests:
		d.keys.Purge()
		clear(d.digests)
	}
	d.digests[name] = digest
}

// Open returns a database for one session, when its catalog is known.
func (d *Databases) Open(ctx context.Context, name string) (Database, error) {
	db, err := d.acquire(name)
	if err != nil {
		return nil, err
	}
	if _, err := db.snapshot(); err != nil {
		if err := db.Refresh(ctx); err != nil {
			db.Close()
			return nil, err
		}
	}
	return &use{database: db}, nil
}

// Hold keeps the URL's own database open until Close, so that jobs are carried
// out while no session is there, and waits for its catalog. With an error the
// database is held too, and the catalog may become known later: see Ready.
func (d *Databases) Hold(ctx context.Context) error {
	db, err := d.acquire(d.base.ConnConfig.Database)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.home = db
	d.mu.Unlock()
	_, err = db.watcher.Refresh(ctx)
	return err
}

// Ready reports why sessions cannot be served now: nil when the catalog of the
// held database is known.
func (d *Databases) Ready() error {
	d.mu.Lock()
	home := d.home
	d.mu.Unlock()
	if home == nil {
		return errors.New("not connected yet")
	}
	_, err := home.watcher.Current()
	return err
}

// Unwrap implements keycache.Source for the databases in use.
func (d *Databases) Unwrap(ctx context.Context, id keycache.ID) (*envelope.Key, error) {
	d.mu.Lock()
	db := d.open[id.Database]
	d.mu.Unlock()
	if db == nil {
		return nil, errors.New("no session uses the database any more")
	}
	return db.store.Unwrap(ctx, id)
}

// DatabasesStats are what Databases do at the moment, and what their keys have
// been used for.
type DatabasesStats struct {
	Open  int // databases with connections of ours
	Keys  keycache.Stats
	Seals map[keycache.ID]uint64 // values sealed by this process under each key
}

// Stats may be called at any time.
func (d *Databases) Stats() DatabasesStats {
	d.mu.Lock()
	open := len(d.open)
	d.mu.Unlock()
	return DatabasesStats{Open: open, Keys: d.keys.Stats(), Seals: d.keys.Seals()}
}
