package pgtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// initialise makes the data directory: a copy of what initdb has made for the same
// programs, account and authentication before, in CacheDir, as initdb starts a server
// some ten times, which costs more than most tests.
func (c *Cluster) initialise(ctx context.Context) error {
	version, err := exec.CommandContext(ctx, filepath.Join(c.Binaries.Dir, "initdb"), "--version").Output()
	if err != nil {
		return fmt.Errorf("initdb --version: %w", err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %s %s", c.Binaries.Dir, version, c.account.uid, c.auth, Password))
	template, err := CacheDir(fmt.Sprintf("initdb-%d-%x", c.Binaries.Major, key[:8]))
	if err != nil {
		return err
	}
	if _, err := os.Stat(template); errors.Is(err, os.ErrNotExist) {
		err = c.makeTemplate(ctx, template)
		if err != nil {
			return err
		}
	}
	return c.finish(exec.CommandContext(ctx, "cp", "-R", template, c.DataDir()))
}

// makeTemplate has initdb make a template under another name first, so that no process
// takes it half made. Of two that make it at the same time, the first one's stands.
func (c *Cluster) makeTemplate(ctx context.Context, template string) error {
	parent := filepath.Dir(template)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(parent, filepath.Base(template)+"-")
	if err != nil {
		return err
	}
	guard, err := NewGuard(made)
	if err != nil {
		return err
	}
	if err = c.account.own(made); err == nil {
		err = c.initdb(ctx, made)
	}
	if err == nil {
		if err = os.Rename(made, template); errors.Is(err, os.ErrExist) {
			err = nil
		}
	}
	return errors.Join(err, os.RemoveAll(made), guard.Dismiss())
}

func (c *Cluster) initdb(ctx context.Context, data string) error {
	passwordFile := filepath.Join(c.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(Password), 0o600); err != nil {
		return err
	}
	if err := c.account.own(passwordFile); err != nil {
		return err
	}
	return c.finish(exec.CommandContext(ctx, filepath.Join(c.Binaries.Dir, "initdb"),
		"--pgdata="+data, "--username="+Superuser, "--pwfile="+passwordFile,
		"--auth="+string(c.auth), "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"))
}

// finish runs a program as the cluster's account, under guard, to its end.
func (c *Cluster) finish(cmd *exec.Cmd) error {
	name := filepath.Base(cmd.Path)
	c.account.run(cmd)
	cmd.Dir = c.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := c.guard.Watch(cmd.Process.Pid, "TERM"); err != nil {
		return errors.Join(err, cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out.Bytes())
	}
	return nil
}
