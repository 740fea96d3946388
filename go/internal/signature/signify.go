package signature

// A signifyClaim is a signature of signify. It has no comment that is signed.
type signifyClaim struct{ lineSignature }

// readSignify reads a detached signature of signify, which has two lines.
func readSignify(content string) (claims []claim, ok bool, err error) {
	signature, rest, ok := cutSignify(content)
	switch {
	case !ok:
		return nil, false, nil
	case rest != "":
		return nil, true, errBehind
	}
	return []claim{&signifyClaim{signature}}, true, nil
}

// takeSignify takes the message out of a signature of signify.
func takeSignify(content string) (payload string, claims []claim, ok bool, err error) {
	signature, rest, ok := cutSignify(content)
	if !ok || rest == "" {
		return "", nil, false, nil
	}
	return rest, []claim{&signifyClaim{signature}}, true, nil
}

// cutSignify returns a signature of signify, and what stands behind it.
func cutSignify(content string) (signature lineSignature, rest string, ok bool) {
	signature, rest, ok = cutLineSignature(content)
	return signature, rest, ok && signature.algorithm == plainEd25519
}

func (c *signifyClaim) verify(payload string, options *Options) (*Signer, error) {
	key, _, err := c.verifyBy(payload, Signify, options.Keys)
	if err != nil {
		return nil, err
	}
	return &Signer{Key: key}, nil
}
