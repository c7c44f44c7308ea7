// Package kmsdev is the development KMS behind `pgseal kms-dev`: it serves the
// AWS KMS JSON 1.1 protocol from one file, so that the demo and the tests run
// the AWS SDK code path that production runs.
//
// It is for development only. Key material stands in the store file in the
// clear, callers are not authenticated (a SigV4 header must be there and well
// formed, its signature is not verified), and there are no key policies. It
// must not protect real data.
package kmsdev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"time"
)

const (
	defaultRegion    = "us-east-1"
	defaultAccountID = "000000000000"
)

// The timeouts bound what a stalled client can hold. Making an RSA_4096 pair
// takes seconds on a slow machine, hence the longer limit on writing.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 10 * time.Second
	maxHeaderBytes    = 64 << 10
)

var (
	regionPattern    = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	accountIDPattern = regexp.MustCompile(`^[0-9]{12}$`)
)

// Options of Open. The zero value is usable.
type Options struct {
	// Region and AccountID appear in every ARN that the server hands out.
	// Empty: what the store was created with, and us-east-1 and 000000000000
	// for a new store. A store cannot change either, because the ARNs that its
	// users noted down would dangle.
	Region    string
	AccountID string

	// Logger receives one line per request at debug level (operation, key id,
	// outcome; never a plaintext, a blob or a key). Nil discards.
	Logger *slog.Logger
}

func (o Options) validate() error {
	if o.Region != "" && !regionPattern.MatchString(o.Region) {
		return fmt.Errorf("region %q is not an AWS region name such as %s", o.Region, defaultRegion)
	}
	if o.AccountID != "" && !accountIDPattern.MatchString(o.AccountID) {
		return fmt.Errorf("account id %q is not twelve digits", o.AccountID)
	}
	return nil
}

// Server is one development KMS over one store file. All methods are safe for
// concurrent use.
type Server struct {
	store *store
	names names
	log   *slog.Logger
}

// Open opens the store at path and locks it, creating it (mode 0600) when it is
// absent. It fails when another server holds the store, when the file can be
// read by group or others, when it is damaged, and when o names another region
// or account than the store's.
func Open(path string, o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("kms-dev: %w", err)
	}
	st, err := openStore(path, o.Region, o.AccountID, time.Now)
	if err != nil {
		return nil, fmt.Errorf("kms-dev: store %s: %w", path, err)
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{store: st, names: st.names, log: log}, nil
}

// Close releases the store for another server. Requests that would change the
// store fail from then on. Further calls do nothing.
func (s *Server) Close() error {
	return s.store.close()
}

// Serve answers on ln until ctx ends, then lets running requests finish for up
// to ten seconds. It returns nil after such an end and closes ln in every case;
// the store stays open until Close.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.log.Warn("kms-dev is for development only and must not protect real data: "+
		"keys stand in the store file in the clear and callers are not authenticated",
		"listen", ln.Addr().String(), "store", s.store.path, "region", s.names.region, "account", s.names.account)
	if a, ok := ln.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		s.log.Warn("kms-dev listens beyond loopback: whoever can connect can use every key", "listen", a.String())
	}
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("kms-dev: serve: %w", err)
	case <-ctx.Done():
	}
	// ctx has ended, and the requests that run must outlive it.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("kms-dev: requests still ran at shutdown: %w", err), srv.Close())
	}
	<-served
	return err
}

// EnsureAlias returns the ARN of the key that the alias (`alias/…`) names. When
// the alias does not exist it is created, with a new symmetric key.
func (s *Server) EnsureAlias(name string) (string, error) {
	if err := checkNewAliasName(name); err != nil {
		return "", fmt.Errorf("kms-dev: alias %q: %w", name, err)
	}
	k, err := newKey(specSymmetric, usageEncrypt, "made for "+name)
	if err != nil {
		return "", fmt.Errorf("kms-dev: %w", err)
	}
	var arn string
	err = s.store.update(func(st *state, now time.Time) error {
		if a, ok := st.aliases[name]; ok {
			arn = s.names.keyARN(a.KeyID)
			return errUnchanged
		}
		k.Created = now
		st.keys[k.ID] = k
		st.aliases[name] = &alias{Name: name, KeyID: k.ID, Created: now, Updated: now}
		arn = s.names.keyARN(k.ID)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("kms-dev: alias %q: %w", name, err)
	}
	return arn, nil
}
