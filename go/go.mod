module checksig

go 1.26.5

require (
	github.com/ProtonMail/go-crypto v1.5.2
	github.com/zeebo/blake3 v0.2.4
	golang.org/x/crypto v0.58.0
)

require (
	github.com/cloudflare/circl v1.6.3 // indirect
	github.com/klauspost/cpuid/v2 v2.0.12 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
