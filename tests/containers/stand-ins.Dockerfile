# Local stand-ins for the images that cannot be pulled. run.sh builds every target with a context of its own.
# All of them stand on one Debian made by debootstrap, so they are glibc where Logto's own image is Alpine.

# context: the machine's .NET folder
FROM debian:imported AS sdk
COPY . /usr/share/dotnet
RUN ln -s /usr/share/dotnet/dotnet /usr/local/bin/dotnet
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

# What a restore needs on this machine; context: a folder with its certificate authorities and NuGet's configuration.
FROM stand-in:sdk AS sdk-here
ARG NUGET_CERT_REVOCATION_MODE=online
ENV NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE} SSL_CERT_FILE=/opt/machine/ca-certificates.crt
COPY . /opt/machine
RUN if [ -e /opt/machine/NuGet.Config ]; then mkdir -p /root/.nuget/NuGet && cp /opt/machine/NuGet.Config /root/.nuget/NuGet/; fi

# context: a folder with entrypoint.sh, and PostgreSQL's binaries from npm in native.tar
FROM debian:imported AS postgres
RUN useradd --system --uid 999 --user-group postgres && mkdir -p /var/lib/postgresql/data
ADD native.tar /opt/postgres
COPY entrypoint.sh /usr/local/bin/
ENV PATH=/opt/postgres/native/bin:/usr/local/bin:/usr/bin:/bin PGHOST=/tmp PGUSER=postgres
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["entrypoint.sh"]

# As Logto's image, without PostgreSQL's client, and with a repository to install it from; context: the packages and their index
FROM debian:imported AS packages
RUN dpkg --purge $(dpkg-query --show --showformat '${Package} ' 'postgresql-client*') \
    && echo 'deb [trusted=yes] file:/opt/packages ./' > /etc/apt/sources.list
COPY . /opt/packages

# context: the npm package that holds Node.js
FROM stand-in:packages AS node
COPY bin/node /usr/local/bin/node

# context: a folder with npm, and a Logto release laid out like its image in logto.tar
FROM stand-in:node AS logto
ADD logto.tar /etc/logto
COPY npm /usr/local/bin/npm
WORKDIR /etc/logto
ENTRYPOINT ["npm", "run"]
CMD ["start"]
