package proxy

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// saslPrep prepares a password for SCRAM as PostgreSQL and libpq do: by RFC
// 4013, and where that forbids the password (or it is not UTF-8), not at all.
func saslPrep(password string) string {
	ascii := true
	for i := range len(password) {
		if password[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii || !utf8.ValidString(password) {
		return password
	}
	mapped := make([]rune, 0, len(password))
	for _, r := range password {
		switch {
		case inTable(saslSpaces, r):
			mapped = append(mapped, ' ')
		case inTable(saslNothing, r):
		default:
			mapped = append(mapped, r)
		}
	}
	prepared := norm.NFKC.String(string(mapped))
	if prepared == "" || !saslPermits([]rune(prepared)) {
		return password
	}
	return prepared
}

// saslPermits checks the rules on prohibited, unassigned and bidirectional
// characters.
func saslPermits(s []rune) bool {
	var rightToLeft, leftToRight bool
	for _, r := range s {
		if inTable(saslProhibited, r) || inTable(saslUnassigned, r) {
			return false
		}
		rightToLeft = rightToLeft || inTable(saslRightToLeft, r)
		leftToRight = leftToRight || inTable(saslLeftToRight, r)
	}
	if !rightToLeft {
		return true
	}
	return !leftToRight && inTable(saslRightToLeft, s[0]) && inTable(saslRightToLeft, s[len(s)-1])
}

func inTable(table []runeRange, r rune) bool {
	_, found := slices.BinarySearchFunc(table, r, func(e runeRange, r rune) int {
		switch {
		case e.last < r:
			return -1
		case e.first > r:
			return 1
		}
		return 0
	})
	return found
}
