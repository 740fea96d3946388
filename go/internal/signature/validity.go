//go:build checksig_modules

package signature

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const day = "2006-01-02"

// A revokedError says that a key does not count at any time, or not at the time that was asked for.
type revokedError struct{ reason string }

func (e *revokedError) Error() string { return "whose key was revoked (" + e.reason + ")" }

// An expiredError says that a key was not valid any more.
type expiredError struct{ at, since time.Time }

func (e *expiredError) Error() string {
	return fmt.Sprintf("whose key expired on %s, and this is of %s; a newer copy of the key may say more",
		e.since.UTC().Format(day), e.at.UTC().Format(day))
}

var (
	errNotBound   = errors.New("whose key says nothing of itself that is valid, or was made later")
	errSubkey     = errors.New("with a subkey that is not bound to the key by both, or was made later")
	errMayNotSign = errors.New("with a key that may not sign files")
)

// goodAt returns the user whose key it is at a time. The error says why the key, or the subkey if
// one is given, was not good then.
func (c *certificate) goodAt(t time.Time, subkey *component, w *work) (user string, err error) {
	self, user := c.current(t, w)
	if err := c.revokedAt(t, c.primary, w); err != nil {
		return user, err
	}
	if self == nil {
		return user, errNotBound
	}
	for _, sig := range []*packet.Signature{self, c.newest(t, c.primary, w)} {
		if err := expiredAt(t, c.primary.key, sig); err != nil {
			return user, err
		}
	}
	if subkey == nil {
		if self.FlagsValid && !self.FlagSign {
			return user, errMayNotSign
		}
		return user, nil
	}
	return user, c.subkeyGoodAt(t, subkey, w)
}

func (c *certificate) subkeyGoodAt(t time.Time, subkey *component, w *work) error {
	if err := c.revokedAt(t, subkey, w); err != nil {
		return err
	}
	binding := c.newest(t, subkey, w)
	switch {
	case binding == nil:
		return errSubkey
	case !binding.FlagSign:
		return errMayNotSign
	}
	return expiredAt(t, subkey.key, binding)
}

// current returns what the key says of itself at a time, and the user that it is of: of the
// user that is marked as the first one, or else the one that was bound last.
func (c *certificate) current(t time.Time, w *work) (self *packet.Signature, user string) {
	for _, u := range c.users {
		sig := c.newest(t, u, w)
		if sig == nil || c.userRevoked(t, u, sig, w) {
			continue
		}
		if self == nil || preferred(sig, self) {
			self, user = sig, printable(u.user)
		}
	}
	if direct := c.newest(t, c.primary, w); direct != nil && (self == nil || c.primary.key.Version == 6) {
		self = direct
	}
	return self, user
}

// userRevoked reports whether a user ID was revoked after it was bound.
func (c *certificate) userRevoked(t time.Time, user *component, bound *packet.Signature, w *work) bool {
	return slices.ContainsFunc(user.revocations, func(sig *packet.Signature) bool {
		return !sig.CreationTime.After(t) && !sig.CreationTime.Before(bound.CreationTime) && c.made(sig, user, w)
	})
}

func preferred(sig, to *packet.Signature) bool {
	if first := isFirst(sig); first != isFirst(to) {
		return first
	}
	return sig.CreationTime.After(to.CreationTime)
}

func isFirst(sig *packet.Signature) bool { return sig.IsPrimaryId != nil && *sig.IsPrimaryId }

// newest returns the newest of the signatures that bind a component and are valid at a time, or nil.
func (c *certificate) newest(t time.Time, part *component, w *work) *packet.Signature {
	var found *packet.Signature
	for _, sig := range part.bindings {
		if (found == nil || sig.CreationTime.After(found.CreationTime)) && validAt(t, sig) && c.made(sig, part, w) {
			found = sig
		}
	}
	return found
}

// validAt reports whether a signature of a key on itself is valid at a time.
func validAt(t time.Time, sig *packet.Signature) bool {
	embedded := sig.EmbeddedSignature
	return !sig.SigExpired(t) && (embedded == nil || !embedded.SigExpired(t)) && !hasCriticalNotation(sig)
}

func hasCriticalNotation(sig *packet.Signature) bool {
	return slices.ContainsFunc(sig.Notations, func(n *packet.Notation) bool { return n.IsCritical })
}

// made reports whether the primary key made a signature on a part of its certificate. Of a subkey
// that may sign the signature of its own on the primary key is verified, too.
func (c *certificate) made(sig *packet.Signature, part *component, w *work) bool {
	self := selfSignature{sig, part}
	made, known := w.verified[self]
	if !known && w.spend(c.primary.key) {
		made = c.verifies(sig, part, w)
		w.remember(self, made)
	}
	return made
}

func (c *certificate) verifies(sig *packet.Signature, part *component, w *work) bool {
	primary := c.primary.key
	switch sig.SigType {
	case packet.SigTypeSubkeyBinding:
		return w.spend(part.key) && primary.VerifyKeySignature(part.key, sig) == nil
	case packet.SigTypeSubkeyRevocation:
		return primary.VerifySubkeyRevocationSignature(sig, part.key) == nil
	case packet.SigTypeDirectSignature, packet.SigTypeKeyRevocation:
		return primary.VerifyDirectKeySignature(sig) == nil
	}
	return primary.VerifyUserIdSignature(part.user, primary, sig) == nil
}

// revokedAt returns an error if a part of the certificate was revoked: if it may have been in wrong
// hands, at any time, else from then on.
func (c *certificate) revokedAt(t time.Time, part *component, w *work) error {
	if part.unreadable {
		return &revokedError{"in a way that this version cannot read"}
	}
	for _, sig := range part.revocations {
		if !isHard(sig) && sig.CreationTime.After(t) {
			continue
		}
		if c.made(sig, part, w) {
			return &revokedError{reasonOf(sig)}
		}
	}
	return nil
}

// isHard reports whether a revocation counts for the time before it, too.
func isHard(sig *packet.Signature) bool {
	if sig.RevocationReason == nil {
		return true
	}
	switch *sig.RevocationReason {
	case packet.KeySuperseded, packet.KeyRetired, packet.UserIDNotValid:
		return false
	}
	return true
}

func reasonOf(sig *packet.Signature) string {
	if sig.RevocationReason == nil {
		return "without a reason"
	}
	date := " on " + sig.CreationTime.UTC().Format(day)
	switch *sig.RevocationReason {
	case packet.KeyCompromised:
		return "compromised"
	case packet.KeySuperseded:
		return "superseded" + date
	case packet.KeyRetired:
		return "retired" + date
	case packet.UserIDNotValid:
		return "its user ID is not valid" + date
	}
	return "without a reason"
}

// expiredAt returns an error if a key was not valid any more at a time, by a signature on it.
func expiredAt(t time.Time, key *packet.PublicKey, sig *packet.Signature) error {
	if sig == nil || sig.KeyLifetimeSecs == nil || *sig.KeyLifetimeSecs == 0 {
		return nil
	}
	since := key.CreationTime.Add(time.Duration(*sig.KeyLifetimeSecs) * time.Second)
	if t.Before(since) {
		return nil
	}
	return &expiredError{t, since}
}
