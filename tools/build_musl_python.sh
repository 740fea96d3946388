#!/bin/sh
# Builds a CPython with musl from Debian's sources into build/musl/python; tools/check_wheels.py installs a wheel there.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/musl/sources
cd build/musl
here=$PWD

# The machine's own package sources, for source packages.
cat /etc/apt/sources.list.d/debian.sources 2>/dev/null | sed 's/^Types: deb$/Types: deb-src/' > deb-src.sources
cat /etc/apt/sources.list 2>/dev/null | sed -n 's/^deb /deb-src /p' > deb-src.list
mkdir -p lists parts
cp deb-src.sources deb-src.list parts
fetch() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$here/parts" -o Dir::State::lists="$here/lists" "$@"
}
fetch update
python=$(apt-cache depends python3-minimal | sed -n 's/.*Depends: \(python3\.[0-9]*\)-minimal$/\1/p')
(cd sources && fetch source --tar-only "$python" libffi zlib)
for archive in sources/*.orig.tar.*; do
    case $archive in *.asc) ;; *) tar -xf "$archive" --no-same-owner ;; esac
done

# musl-gcc finds only musl's headers, but Python also needs those of the kernel.
mkdir -p headers
for folder in /usr/include/linux /usr/include/asm-generic "/usr/include/$(uname -m)-linux-gnu/asm"; do
    ln -sfn "$folder" headers/
done
cat > cc <<EOF
#!/bin/sh
# Python's build must not learn the folders of glibc, which the compiler would print.
for argument in "\$@"; do
    case \$argument in --print-multiarch) exit ;; -print-multiarch) echo none && exit ;; esac
done
exec musl-gcc -idirafter "$here/headers" "\$@"
EOF
chmod +x cc
export CC="$here/cc" CPPFLAGS="-I$here/libraries/include" LDFLAGS="-L$here/libraries/lib"
export PKG_CONFIG_LIBDIR="$here/libraries/lib/pkgconfig"
(cd libffi-* && ./configure -q --prefix="$here/libraries" --disable-shared --with-pic --disable-docs && make -s install)
(cd zlib-* && CFLAGS="-O2 -fPIC" ./configure --static --prefix="$here/libraries" && make -s install)
cd Python-*
export CFLAGS=-w  # otherwise the compiler prints hundreds of megabytes of warnings
./configure -q --prefix="$here/python" --without-ensurepip --disable-test-modules \
    ac_cv_lib_intl_textdomain=no ac_cv_header_libintl_h=no
make -s -j"$(getconf _NPROCESSORS_ONLN)" > ../make.log 2>&1 || { tail -50 ../make.log; exit 1; }
make -s install > ../install.log 2>&1
"$here/python/bin/python3" -c 'import ctypes, sys, zlib; print(sys.version)'
