#!/bin/sh
# Certificates of the composed pair: made at the first start, renewed at later ones. Run where the volumes are mounted.
set -eu
[ -e pki/site.json ] || joulecut pki init --site compose
[ -e tls-server/certificate.pem ] || joulecut pki issue server server --host server --out tls-server
[ -e tls-edge/certificate.pem ] || joulecut pki issue edge edge --out tls-edge
joulecut pki renew tls-server tls-edge --within 30
