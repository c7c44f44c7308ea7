package kmsdev

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	lockSuffix = ".lock"
	tempSuffix = ".tmp"
	// privateMode is the mode of every file made here.
	privateMode fs.FileMode = 0o600
	// maxStoreSize keeps a wrong path (a disk image, a log) from being read
	// into memory. A key takes at most some 4 KiB.
	maxStoreSize = 64 << 20
)

var (
	errClosed = errors.New("the store is closed")
	// errUnchanged is what an update returns when there is nothing to write.
	errUnchanged = errors.New("unchanged")
)

// store keeps a state in memory and in one file. Readers take the current state
// without a lock; one writer at a time replaces it.
type store struct {
	path  string
	names names
	now   func() time.Time
	lock  *os.File

	current atomic.Pointer[state]

	mu     sync.Mutex // held while writing
	closed bool
}

// openStore opens or creates the store at path. Empty region and account mean
// what the store says, or the defaults for a new one.
func openStore(path, region, account string, now func() time.Time) (*store, error) {
	// The lock goes by name, so two names of one file must become one.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lock, err := takeLock(path + lockSuffix)
	if err != nil {
		return nil, err
	}
	s := &store{path: path, now: now, lock: lock}
	if err := s.load(region, account); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// takeLock locks a file beside the store, because the store file itself is
// replaced at every write. The lock file stays: removing it would let two
// servers hold locks on two files of the same name.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateMode)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another kms-dev is using it; stop that one or name another file")
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *store) load(region, account string) error {
	data, err := readPrivate(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.names = names{region: cmp.Or(region, defaultRegion), account: cmp.Or(account, defaultAccountID)}
		return s.replace(newState())
	}
	if err != nil {
		return err
	}
	n, st, err := decodeStore(data)
	if err != nil {
		return err
	}
	if (region != "" && region != n.region) || (account != "" && account != n.account) {
		return fmt.Errorf("it belongs to region %s and account %s; leave both unset or name another file", n.region, n.account)
	}
	s.names = n
	if left := st.at(s.now()); left != st {
		return s.replace(left) // the material of deleted keys leaves the file
	}
	s.current.Store(st)
	return nil
}

// readPrivate reads a regular file that nobody but its owner can read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // O_NONBLOCK: do not wait on a FIFO
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("its mode is %#o: group or others can reach the keys in it; run chmod 600 on it", info.Mode().Perm())
	case info.Size() > maxStoreSize:
		return nil, fmt.Errorf("it has %d bytes, a store has at most %d", info.Size(), int64(maxStoreSize))
	}
	return io.ReadAll(f)
}

// snapshot returns the state as of now, which nobody will change.
func (s *store) snapshot() *state {
	return s.current.Load().at(s.now())
}

// update lets f change a clone of the state and makes it current once it is on
// disk. If f fails nothing changes; errUnchanged counts as success.
func (s *store) update(f func(st *state, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	now := s.now()
	next := s.current.Load().at(now).clone()
	// Milliseconds are what the protocol's numbers carry in full.
	if err := f(next, now.UTC().Truncate(time.Millisecond)); err != nil {
		if errors.Is(err, errUnchanged) {
			return nil
		}
		return err
	}
	return s.replace(next)
}

func (s *store) replace(next *state) error {
	doc, err := encodeStore(s.names, next)
	if err != nil {
		return err
	}
	if err := writeAtomically(s.path, doc); err != nil {
		return err
	}
	s.current.Store(next)
	return nil
}

// writeAtomically leaves the old or the new content at path, whatever happens.
// The caller holds the lock, so the temporary name is its own.
func writeAtomically(path string, data []byte) error {
	temp := path + tempSuffix
	// A leftover of a crash may have any mode, hence a new file each time.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.lock.Close() // closing the only descriptor releases the flock
}
