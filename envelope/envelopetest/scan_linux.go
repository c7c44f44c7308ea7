package envelopetest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Found is where needles were found: how often each kind, and the mappings.
type Found struct {
	Count map[string]int
	Where []string // kind, address and mapping of each, for the failure message
}

// Scan searches all writable mappings of a process, stacks included. The
// process must not be the caller itself, whose needles and buffers it would find.
func Scan(pid int, needles Needles) (Found, error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return Found{}, err
	}
	defer maps.Close()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return Found{}, err
	}
	defer memory.Close()

	s := scanner{needles: needles, found: Found{Count: make(map[string]int)}}
	for needle := range needles {
		s.begins[prefix(needle[:])] = true
	}
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uint64 // vsyscall's do not fit into an int64
		var access string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &access); err != nil {
			return Found{}, err
		}
		if !strings.HasPrefix(access, "rw") {
			continue
		}
		if err := s.mapping(memory, int64(from), int64(to), lines.Text()); err != nil {
			return Found{}, err
		}
	}
	return s.found, lines.Err()
}

type scanner struct {
	needles Needles
	begins  [1 << 16]bool // the first two bytes of any needle
	found   Found
	buffer  [1 << 20]byte
}

func prefix(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }

func (s *scanner) mapping(memory io.ReaderAt, from, to int64, name string) error {
	const needleSize = int64(len(Needle{}))
	for at := from; to-at >= needleSize; {
		part := s.buffer[:min(int64(len(s.buffer)), to-at)]
		n, err := memory.ReadAt(part, at)
		if errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EFAULT) {
			return nil // not memory: a device
		}
		if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return err
		}
		s.search(part[:n], at, name)
		at += max(int64(n)-needleSize+1, 1)
	}
	return nil
}

func (s *scanner) search(part []byte, at int64, mapping string) {
	for i := 0; i+len(Needle{}) <= len(part); i++ {
		if !s.begins[prefix(part[i:])] {
			continue
		}
		if kind, ok := s.needles[Needle(part[i:])]; ok {
			s.found.Count[kind]++
			s.found.Where = append(s.found.Where, fmt.Sprintf("%s at %x in %s", kind, at+int64(i), mapping))
		}
	}
}
