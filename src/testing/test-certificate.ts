/** Key of a certificate that nobody trusts, for `localhost` and `127.0.0.1`; made for tests, and worth nothing. */
export const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbTAFp6pP1C9xXjHG
Tj/X8suQlLEWEAsPHe4vihKIdyShRANCAATjNb9JMrRB23WaGdrYdFGdUKypOBCo
hXrMatR5KTfpxsFRBdrVXhlWRfpT8rR5XyPYIQ4G5N3lCL9iPrupxyH3
-----END PRIVATE KEY-----
`;

/** That certificate, signed by itself. */
export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUFZz0qmJQJU+u45xj7RIroMvaiUAwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE3MzkwMloYDzIxMjYxMDI4
MTczOTAyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATjNb9JMrRB23WaGdrYdFGdUKypOBCohXrMatR5KTfpxsFRBdrVXhlW
RfpT8rR5XyPYIQ4G5N3lCL9iPrupxyH3o28wbTAdBgNVHQ4EFgQUY19CVpwabs/3
TR31wvgw6CTRpiMwHwYDVR0jBBgwFoAUY19CVpwabs/3TR31wvgw6CTRpiMwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAOerLX/Ehv/uncEfTie7v1siML1xyTW6mRlrbEHX0miKAiEA
wDGlhiSA1+OmJYc7PjVwb96eGcMJH2uuVwEgjCYzvpM=
-----END CERTIFICATE-----
`;
