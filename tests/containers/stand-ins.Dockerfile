# Local stand-ins for the images that cannot be pulled. run.sh builds every target with a context of its own.
# All of them stand on one Debian made by debootstrap, so they are glibc where Logto's own image is Alpine.

# Debian, with the scripts of the stand-ins; context: this folder.
FROM debian:imported AS base
COPY . /opt/stand-ins

# context: the machine's .NET folder
FROM stand-in:base AS sdk
COPY . /usr/share/dotnet
RUN ln -s /usr/share/dotnet/dotnet /usr/local/bin/dotnet
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

# What a restore needs on this machine; context: a folder with its certificate authorities and NuGet's configuration.
FROM stand-in:sdk AS sdk-here
ARG NUGET_CERT_REVOCATION_MODE=online
ENV NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE} SSL_CERT_FILE=/opt/machine/ca-certificates.crt
COPY . /opt/machine
RUN if [ -e /opt/machine/NuGet.Config ]; then mkdir -p /root/.nuget/NuGet && cp /opt/machine/NuGet.Config /root/.nuget/NuGet/; fi

# context: the npm package that holds PostgreSQL's binaries
FROM stand-in:base AS postgres
RUN useradd --system --uid 999 --user-group postgres && mkdir -p /var/lib/postgresql/data
COPY native /opt/postgres
ENV PATH=/opt/postgres/bin:/usr/bin:/bin PGHOST=/tmp PGUSER=postgres
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["/opt/stand-ins/postgres/entrypoint.sh"]

# context: the npm package that holds Node.js
FROM stand-in:base AS node
COPY bin/node /usr/local/bin/node

# A Logto release laid out like its image; context: its npm installation.
# npm lays everything flat; the workspace has the CLI and the schemas under packages/, linked as pnpm does it.
FROM stand-in:node AS logto-files
COPY . /etc/logto
RUN set -eu; cd /etc/logto; \
    mkdir -p packages/core/node_modules/@logto; \
    mv node_modules/@logto/cli packages/cli; \
    mv node_modules/@logto/schemas packages/schemas; \
    mkdir -p packages/cli/node_modules/@logto; \
    ln -s ../../../schemas packages/cli/node_modules/@logto/schemas; \
    ln -s ../../../cli packages/core/node_modules/@logto/cli; \
    ln -s ../../packages/schemas node_modules/@logto/schemas; \
    rm -rf packages/cli/alteration-scripts package-lock.json .complete; \
    mkdir packages/cli/alteration-scripts; \
    chown -R 0:0 .; \
    chmod g+w packages/cli/alteration-scripts; \
    cp /opt/stand-ins/logto/start.mjs packages/core/

FROM stand-in:node AS logto
COPY --from=logto-files /etc/logto /etc/logto
RUN cp /opt/stand-ins/logto/npm /usr/local/bin/npm
WORKDIR /etc/logto
ENTRYPOINT ["npm", "run"]
CMD ["start"]
