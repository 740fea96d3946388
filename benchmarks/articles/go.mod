module articles

go 1.21
