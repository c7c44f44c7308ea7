package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
)

// Standby makes a hot standby of the cluster with pg_basebackup and returns when
// it accepts connections. The cluster's pg_hba.conf must let replication in, as
// initdb's does. The caller stops the standby before the cluster.
func (c *Cluster) Standby(ctx context.Context) (*Cluster, error) {
	s := &Cluster{Binaries: c.Binaries, Certificate: c.Certificate, auth: c.auth, account: c.account, settings: maps.Clone(c.settings)}
	if err := s.makeDirectories(Options{UnixSocket: c.SocketDir != ""}); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.copyFrom(ctx, c); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (c *Cluster) copyFrom(ctx context.Context, primary *Cluster) error {
	conninfo := fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s", primary.Port, Superuser, Password)
	cmd := exec.CommandContext(ctx, c.Binaries.Client(ctx, "pg_basebackup"),
		"--pgdata="+c.DataDir(), "--checkpoint=fast", "--wal-method=fetch", "--no-sync", "--dbname="+conninfo)
	if err := c.finish(cmd); err != nil {
		return err
	}
	c.settings["primary_conninfo"] = conninfo
	if c.SocketDir != "" {
		c.settings["unix_socket_directories"] = c.SocketDir
	}
	signal := filepath.Join(c.DataDir(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	return c.account.own(signal)
}
